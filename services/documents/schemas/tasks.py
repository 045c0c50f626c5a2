"""The state of a task, in words that all published clients understand."""

from typing import Any

from libs.common.jobs import JobStatus
from services.documents.domain.documents import Status
from services.documents.models import Document
from services.documents.schemas.documents import DocumentOut

_STATES = {
    Status.PENDING: ("pending", "PENDING", "The document waits to be indexed."),
    Status.PROCESSING: ("processing", "STARTED", "The document is being indexed."),
    Status.PROCESSED: ("completed", "SUCCESS", "The document can be searched."),
    Status.FAILED: ("failed", "FAILURE", "The document could not be indexed."),
}
_DELETED = ("failed", "FAILURE", "The document was deleted.")


def task_status(document: Document, job: JobStatus | None) -> dict[str, Any]:
    """Return a task's payload; a result also stands at its top level, where some look for it.

    No `error` before a failure, and never an `errors`: a client takes either for one.
    """
    deleted = document.deleted_at is not None
    status, state, message = _DELETED if deleted else _STATES[Status(document.status)]
    payload: dict[str, Any] = {
        "task_id": str(document.task_id),
        "status": status,
        "state": state,
        "progress": round(100 * document.progress),
        "stage": document.stage,
        "message": message,
        "status_url": f"/api/v1/tasks/{document.task_id}/status",
        "created_at": document.created_at,
        "completed_at": document.processed_at,
    }
    if job is not None and job.jobs_ahead is not None:
        payload["jobs_ahead"] = job.jobs_ahead
    if status == "failed":
        payload["completed_at"] = document.updated_at
        payload["error"] = message if deleted else document.processing_error
        payload["error_code"] = "document_deleted" if deleted else document.reason_code
    if status == "completed":
        shown = DocumentOut.of(document).model_dump()
        result = {"document_id": document.id, "document": shown, "documents": [shown]}
        payload = {**result, **payload, "result": result}
    return payload
