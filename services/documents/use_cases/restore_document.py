"""Bringing back a deleted document."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.documents import DocumentRestored
from services.documents.domain.documents import Status
from services.documents.domain.errors import (
    DocumentNotDeleted,
    DocumentNotFound,
    HiddenTwin,
    SameContent,
)
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork
from services.documents.use_cases.queue_indexing import queue_indexing


@dataclass(frozen=True, kw_only=True)
class RestoreDocument:
    """Show a deleted document again; it is indexed anew as the next version."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, document_id: UUID) -> Document:
        """Restore a document.

        Raises:
            DocumentNotFound: The tenant has no such document.
            DocumentNotDeleted: It is not deleted.
            SameContent: Its agent was given the same file again meanwhile.
            HiddenTwin: The same, and the caller may not read that one.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.locked(document_id)
            if document is None:
                raise DocumentNotFound
            if document.deleted_at is None:
                raise DocumentNotDeleted
            twin = await uow.documents.with_content(document.agent_id, document.content_hash)
            if twin is not None and not uow.reader.may_read(twin.groups):
                raise HiddenTwin
            if twin is not None:
                raise SameContent(details={"document_id": str(twin.id)})
            show_again(uow, document)
        return document


def show_again(uow: DocumentsUnitOfWork, document: Document) -> None:
    """Undelete a document, and have it indexed as the next version."""
    document.deleted_at = None
    document.deleted_with_agent = False
    # One whose newest file failed may have shown the file before: those vectors are purged.
    if document.status != Status.FAILED or document.live_version is not None:
        document.queue_again()
        queue_indexing(uow, document)
    uow.outbox.record(
        DocumentRestored(document_id=document.id, agent_id=document.agent_id),
        aggregate_id=document.id,
    )
