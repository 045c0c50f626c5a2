"""Lists of documents: all, an agent's, the deleted ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.documents.domain.errors import DocumentNotFound
from services.documents.domain.ports import Agents
from services.documents.models import Document, StoredPassage
from services.documents.repositories.documents import DocumentFilter
from services.documents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ListDocuments:
    """Show the tenant's documents, newest first."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    agents: Agents

    async def __call__(
        self, wanted: DocumentFilter, *, offset: int, limit: int, agent_must_exist: bool = False
    ) -> tuple[Sequence[Document], int]:
        """Return a stretch of the list, and how long the list is.

        Raises:
            AgentNotFound: `agent_must_exist`, and the tenant has no such agent.
        """
        if agent_must_exist and wanted.agent_id is not None:
            await self.agents.find(self.tenant_id, wanted.agent_id)
        async with self.unit_of_work(read_only=True) as uow:
            return await uow.documents.page(wanted, offset=offset, limit=limit)


@dataclass(frozen=True, kw_only=True)
class GetDocument:
    """Show one document with a stretch of its chunks."""

    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, document_id: UUID, *, offset: int, limit: int
    ) -> tuple[Document, Sequence[StoredPassage], int]:
        """Return the document, some of its chunks in reading order, and how many it has.

        Raises:
            DocumentNotFound: The tenant has no such document, or it is deleted.
        """
        async with self.unit_of_work(read_only=True) as uow:
            document = await uow.documents.live(document_id)
            if document is None:
                raise DocumentNotFound
            passages, total = await uow.passages.of_document(document, offset=offset, limit=limit)
            return document, passages, total
