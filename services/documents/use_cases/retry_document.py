"""Trying a document again that could not be indexed."""

from dataclasses import dataclass
from uuid import UUID

from services.documents.domain.documents import Status
from services.documents.domain.errors import DocumentNotFailed, DocumentNotFound
from services.documents.models import Document
from services.documents.repositories.unit_of_work import OpenUnitOfWork
from services.documents.use_cases.queue_indexing import queue_indexing


@dataclass(frozen=True, kw_only=True)
class RetryDocument:
    """Index a failed document once more, from its stored bytes."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, document_id: UUID) -> Document:
        """Queue a failed document; its task has a new id.

        Raises:
            DocumentNotFound: The tenant has no such document, or it is deleted.
            DocumentNotFailed: It is indexed, or about to be.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.locked(document_id)
            if document is None or document.deleted_at is not None:
                raise DocumentNotFound
            if document.status != Status.FAILED:
                raise DocumentNotFailed(details={"status": document.status})
            document.queue_again(keep_live=True)
            queue_indexing(uow, document)
        return document
