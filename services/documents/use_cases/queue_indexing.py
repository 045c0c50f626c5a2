"""Calling for a document to be indexed."""

from libs.common.jobs import Job
from services.documents.domain.jobs import FetchDocument, IndexDocument
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork


def queue_indexing(uow: DocumentsUnitOfWork, document: Document) -> None:
    """Queue the wanted version of a document; the job's id is the task's, for its progress.

    One that was sent in by its address, and has no bytes yet, is fetched first.
    """
    job: Job = IndexDocument(document_id=document.id, version=document.version)
    if document.source_url is not None and document.size_bytes == 0:
        job = FetchDocument(document_id=document.id, version=document.version)
    uow.jobs.add(job, id=document.task_id)
