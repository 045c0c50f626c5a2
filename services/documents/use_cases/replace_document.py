"""Giving a document another file."""

from datetime import datetime

from libs.common.events.catalogue.documents import DocumentUploaded
from services.documents.models import Document, DocumentVersion
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork
from services.documents.use_cases.queue_indexing import queue_indexing


async def replace_file(
    uow: DocumentsUnitOfWork, known: Document, new: Document, *, now: datetime
) -> None:
    """Let the new file take the place of a document's; `known` must be locked.

    Search goes on with the version that is live, until the new one is.

    Raises:
        SameContent: Its agent has the new file as another document.
    """
    uow.versions.add(DocumentVersion.of(known, now=now))
    known.queue_again(keep_live=True)
    known.blob_id = new.blob_id
    known.next_filename = new.filename if new.filename != known.filename else None
    known.document_type = new.document_type
    known.size_bytes = new.size_bytes
    known.content_hash = new.content_hash
    known.uploaded_by = new.uploaded_by
    known.extra = new.extra or known.extra
    queue_indexing(uow, known)
    uow.outbox.record(
        DocumentUploaded(
            document_id=known.id, agent_id=known.agent_id, size_bytes=known.size_bytes
        ),
        aggregate_id=known.id,
    )
    await uow.documents.flush()
