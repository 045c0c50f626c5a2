"""Taking deleted documents, and versions that were replaced, out of the vector store."""

from dataclasses import dataclass
from uuid import UUID

from services.documents.domain.ports import VectorStore
from services.documents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class PurgeVectors:
    """Delete the vectors of what search does not show any more."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    vectors: VectorStore

    async def __call__(self, document_id: UUID, *, version: int) -> None:
        """Delete what this version of a document, gone or shown now, leaves behind.

        Raises:
            VectorStoreUnavailable: The store is out of reach; running again may help.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.get(document_id)
        # A restore wants the next version and may be writing it at this moment.
        keep = {version + 1}
        if document is not None and document.deleted_at is None:
            keep = document.versions_in_use
        elif document is not None and document.version > version:
            keep = {document.version}
        await self.vectors.delete_document(self.tenant_id, document_id, keep_versions=keep)
