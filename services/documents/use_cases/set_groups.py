"""Telling the vector store who may read a document."""

from dataclasses import dataclass
from uuid import UUID

from services.documents.domain.ports import VectorStore
from services.documents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class SetGroups:
    """Bring the vectors of a document in line with its groups."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    vectors: VectorStore

    async def __call__(self, document_id: UUID) -> None:
        """Write the groups as they are now; what is deleted has no vectors to speak of.

        Raises:
            VectorStoreUnavailable: The store is out of reach; running again may help.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(document_id)
        if document is not None:
            await self.vectors.set_groups(self.tenant_id, document_id, document.groups)
