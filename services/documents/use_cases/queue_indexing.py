"""Calling for a document to be indexed."""

from services.documents.domain.jobs import IndexDocument
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork


def queue_indexing(uow: DocumentsUnitOfWork, document: Document) -> None:
    """Queue the wanted version of a document; the job's id is the task's, for its progress."""
    job = IndexDocument(document_id=document.id, version=document.version)
    uow.jobs.add(job, id=document.task_id)
