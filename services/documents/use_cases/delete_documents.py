"""Deleting documents: hidden at once, out of the vector store soon after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from libs.common.events.catalogue.documents import DocumentDeleted
from services.documents.domain.errors import DocumentNotFound
from services.documents.domain.jobs import PurgeVectors
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class DeleteDocument:
    """Hide a document from lists and search; it can be restored for a while."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, document_id: UUID) -> Document:
        """Delete a document.

        Raises:
            DocumentNotFound: The tenant has no such document, or it is deleted already.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(document_id, lock=True)
            if document is None:
                raise DocumentNotFound
            delete(uow, document)
        return document


@dataclass(frozen=True, kw_only=True)
class DeleteDocuments:
    """Delete several documents, all or none."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, document_ids: Sequence[UUID]) -> Sequence[Document]:
        """Delete the documents.

        Raises:
            DocumentNotFound: One of them is unknown or deleted; then none is deleted.
        """
        wanted = set(document_ids)
        async with self.unit_of_work() as uow:
            documents = await uow.documents.live_of(sorted(wanted))
            if len(documents) < len(wanted):
                missing = wanted - {document.id for document in documents}
                raise DocumentNotFound(details={"document_ids": sorted(map(str, missing))})
            for document in documents:
                delete(uow, document)
        return documents


def delete(uow: DocumentsUnitOfWork, document: Document) -> None:
    """Hide a document, and have its vectors purged."""
    # Search confirms every hit against this row, so from the commit on nothing is found.
    document.deleted_at = datetime.now(UTC)
    uow.jobs.add(PurgeVectors(document_id=document.id, version=document.version))
    uow.outbox.record(
        DocumentDeleted(document_id=document.id, agent_id=document.agent_id),
        aggregate_id=document.id,
    )
