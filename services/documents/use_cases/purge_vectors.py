"""Taking deleted documents out of the vector store."""

from dataclasses import dataclass
from uuid import UUID

from services.documents.domain.ports import VectorStore
from services.documents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class PurgeVectors:
    """Delete a document's vectors, unless it was restored meanwhile."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    vectors: VectorStore

    async def __call__(self, document_id: UUID, *, version: int) -> None:
        """Delete the vectors of this version and of all before it.

        Raises:
            VectorStoreUnavailable: The store is out of reach; running again may help.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.get(document_id)
        if document is not None and document.deleted_at is None and document.version == version:
            return
        # A restore wants the next version and may be writing it at this moment.
        wanted = document.version if document and document.version > version else version + 1
        await self.vectors.delete_document(self.tenant_id, document_id, keep_version=wanted)
