"""What an upload is answered with."""

from collections import Counter
from typing import Any, Self

from pydantic import BaseModel, Field

from services.documents.domain.documents import MAX_FILES, Status
from services.documents.schemas.documents import DocumentOut
from services.documents.use_cases.describe_uploads import UploadTerms
from services.documents.use_cases.upload_documents import UploadOutcome


class UploadTermsOut(BaseModel):
    """What may be uploaded, where, and how it is cut."""

    success: bool = True
    upload_url: str = "/api/v1/document/upload"
    max_file_bytes: int
    max_files: int
    chunk_tokens: int = Field(description="How long a chunk is at most, in tokens.")
    document_types: list[str]

    @classmethod
    def of(cls, terms: UploadTerms) -> Self:
        """Show the terms."""
        return cls(
            max_file_bytes=terms.max_file_bytes,
            max_files=MAX_FILES,
            chunk_tokens=terms.passage_tokens,
            document_types=list(terms.document_types),
        )


def upload_reply(outcome: UploadOutcome) -> tuple[int, dict[str, Any]]:
    """Return the status and body for an upload of which at least one file was taken.

    202 when all files were: the clients then wait for the task of the first one. An `errors`
    key, even an empty one, would make one of them take the upload for failed; a `status` of the
    waiting kind beside a 207 would make another wait for what failed.
    """
    documents = []
    waiting = []
    for accepted in outcome.accepted:
        document = accepted.document
        task_id = str(document.task_id)
        shown = DocumentOut.of(document).model_dump(mode="json")
        documents.append(
            {
                **shown,
                "duplicate": accepted.duplicate,
                "replaced": accepted.replaced,
                "task_id": task_id,
            }
        )
        if document.status in (Status.PENDING, Status.PROCESSING):
            waiting.append(task_id)
    body: dict[str, Any] = {
        "success": True,
        "documents_processed": len(outcome.accepted),
        "documents_failed": len(outcome.rejected),
        "total_submitted": len(outcome.accepted) + len(outcome.rejected),
        "task_ids": waiting,
        "documents": documents,
    }
    if outcome.rejected:
        body |= {
            "status": "partial_success",
            "message": "Some of the files could not be accepted.",
            "errors": upload_errors(outcome),
            "errors_count": len(outcome.rejected),
            "error_summary": dict(Counter(item.error.code for item in outcome.rejected)),
        }
        return 207, body
    if not waiting:
        return 200, body | {"status": "completed", "message": "The agent knows these files."}
    return 202, body | {
        "status": "accepted",
        "task_id": waiting[0],
        "status_url": f"/api/v1/tasks/{waiting[0]}/status",
        "message": "The files were accepted and are being indexed.",
    }


def upload_errors(outcome: UploadOutcome) -> list[dict[str, object]]:
    """Return the rejected files with the reasons."""
    return [
        {
            "filename": rejected.filename,
            "error": rejected.error.message,
            "message": rejected.error.message,
            "code": rejected.error.code,
        }
        for rejected in outcome.rejected
    ]
