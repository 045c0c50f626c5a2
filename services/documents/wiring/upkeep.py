"""The use cases that keep a tenant's knowledge in order; workers and operators run them."""

from functools import cached_property
from typing import TYPE_CHECKING
from uuid import UUID

from services.documents.domain.readers import Reader
from services.documents.domain.terms import terms_of
from services.documents.repositories.reconciling import KnowledgeState
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork
from services.documents.use_cases.fill_vectors import FillVectors
from services.documents.use_cases.follow_agent import FollowAgent
from services.documents.use_cases.purge_vectors import PurgeVectors
from services.documents.use_cases.rebuild_index import RebuildIndex
from services.documents.use_cases.reconcile import Reconcile
from services.documents.use_cases.reindex_agents import ReindexAgents
from services.documents.use_cases.set_groups import SetGroups

if TYPE_CHECKING:
    from services.documents.wiring import Wiring


class UpkeepUseCases:
    """What keeps one tenant's documents in order."""

    def __init__(
        self, wiring: "Wiring", tenant_id: UUID, caller_id: UUID | None, reader: Reader
    ) -> None:
        self.tenant_id = tenant_id
        self.wiring = wiring
        self._caller_id = caller_id
        self._reader = reader

    def unit_of_work(self, *, read_only: bool = False) -> DocumentsUnitOfWork:
        """Begin a unit of work of the tenant."""
        opened = DocumentsUnitOfWork(
            self.wiring.resources.database,
            self.tenant_id,
            read_only=read_only,
            wake=self.wiring.wake,
        )
        opened.reader = self._reader
        return opened

    @cached_property
    def purge_vectors(self) -> PurgeVectors:
        """Take a deleted document out of the vector store."""
        return PurgeVectors(
            tenant_id=self.tenant_id,
            unit_of_work=self.unit_of_work,
            vectors=self.wiring.vectors,
        )

    @cached_property
    def reindex_agents(self) -> ReindexAgents:
        """Follow agents into other embedding spaces."""
        return ReindexAgents(
            tenant_id=self.tenant_id,
            unit_of_work=self.unit_of_work,
            agents=self.wiring.agents,
            embedder_for=self.wiring.embedder_for,
        )

    @cached_property
    def fill_vectors(self) -> FillVectors:
        """Make a document's vectors again."""
        return FillVectors(
            tenant_id=self.tenant_id,
            unit_of_work=self.unit_of_work,
            agents=self.wiring.agents,
            embedder_for=self.wiring.embedder_for,
            vectors=self.wiring.vectors,
            terms_of=terms_of,
        )

    @cached_property
    def set_groups(self) -> SetGroups:
        """Tell the vector store who may read a document."""
        return SetGroups(
            tenant_id=self.tenant_id,
            unit_of_work=self.unit_of_work,
            vectors=self.wiring.vectors,
        )

    @cached_property
    def follow_agent(self) -> FollowAgent:
        """Hide or show the documents of an agent."""
        return FollowAgent(
            tenant_id=self.tenant_id, unit_of_work=self.unit_of_work, agents=self.wiring.agents
        )

    @cached_property
    def reconcile(self) -> Reconcile:
        """Prove that the three stores agree."""
        return Reconcile(
            tenant_id=self.tenant_id,
            unit_of_work=self.unit_of_work,
            state=KnowledgeState(database=self.wiring.resources.database),
            inventory=self.wiring.inventory,
            blobs=self.wiring.blobs,
            filling=self.wiring.models.spaces if self.wiring.models else (),
        )

    @cached_property
    def rebuild_index(self) -> RebuildIndex:
        """Make the whole index again."""
        return RebuildIndex(
            tenant_id=self.tenant_id,
            unit_of_work=self.unit_of_work,
            state=KnowledgeState(database=self.wiring.resources.database),
        )
