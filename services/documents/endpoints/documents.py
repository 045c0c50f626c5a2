"""Uploading, listing, deleting and restoring documents."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from libs.common.http import JsonResponse, Page, errors, pagination, rate_limited
from libs.common.http.event_stream import EventStream
from libs.common.http.responses import MAX_PER_PAGE
from services.documents.domain.documents import Status
from services.documents.domain.errors import (
    AgentNotFound,
    AgentRequired,
    BlobMissing,
    DocumentNotDeleted,
    DocumentNotFailed,
    DocumentNotFound,
    NothingUploaded,
    OneFileOnly,
    SameContent,
    UnsupportedType,
    UploadRejected,
    UploadTooLarge,
    VersionNotFound,
)
from services.documents.endpoints.access import Reading, Writing
from services.documents.endpoints.upload_form import upload_form
from services.documents.repositories.documents import DocumentFilter
from services.documents.schemas.documents import (
    BulkDeletedOut,
    BulkDeleteIn,
    ChunkOut,
    DeletedDocumentListOut,
    DocumentChangedOut,
    DocumentDetailOut,
    DocumentListOut,
    DocumentOut,
    DocumentProgressOut,
    DocumentRetriedOut,
)
from services.documents.schemas.uploads import upload_errors, upload_reply
from services.documents.schemas.versions import VersionListOut
from services.documents.use_cases.follow_document import DocumentProgress
from services.documents.use_cases.upload_documents import UploadOutcome

# Each file has a limit of its own, `MAX_UPLOAD_BYTES`; this is for all files of a form.
MAX_FORM_BYTES: Final = 2 * 1024**3

router = APIRouter(prefix="/api/v1/document", tags=["documents"])


@dataclass(frozen=True)
class PageWanted:
    """A page of a list, as asked for in the query."""

    page: int
    per_page: int

    @property
    def offset(self) -> int:
        """How many entries come before the page."""
        return (self.page - 1) * self.per_page

    def of(self, total: int) -> Page:
        """Describe the page within a list of `total` entries."""
        return pagination(page=self.page, per_page=self.per_page, total=total)


async def page_wanted(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 10,
) -> PageWanted:
    """Read the page from the query."""
    return PageWanted(page=page, per_page=per_page)


Paging = Annotated[PageWanted, Depends(page_wanted)]


_FILE: Final = {
    "type": "string",
    "contentMediaType": "application/octet-stream",
    "format": "binary",
}


def _form_of(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """Describe a form: it is read as it arrives, not by FastAPI."""
    schema = {"type": "object", "properties": properties, "required": list(required)}
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


_UPLOAD_BODY: Final = _form_of(
    {
        "agent_id": {"type": "string", "format": "uuid"},
        "files": {"type": "array", "items": _FILE},
        "document_id": {
            "type": "string",
            "format": "uuid",
            "description": "The document that gets the form's one file.",
        },
        "replace": {
            "type": "boolean",
            "default": True,
            "description": "Whether files take the place of those of the same name.",
        },
    },
    "agent_id",
    "files",
)
_REPLACE_BODY: Final = _form_of({"file": _FILE}, "file")


@router.post(
    "/upload",
    dependencies=[Depends(rate_limited("upload"))],
    status_code=202,
    responses=errors(
        UploadTooLarge, UnsupportedType, AgentNotFound, AgentRequired, NothingUploaded
    ),
    max_body_size=MAX_FORM_BYTES,
    openapi_extra=_UPLOAD_BODY,
)
async def upload_document(request: Request, use: Writing) -> JsonResponse:
    """Accept files and queue them for indexing; each starts out `pending`.

    Send `multipart/form-data` with `agent_id` and any number of files named `file`, `files` or
    `files[]`. Answers 202 when all were accepted, 207 when some were, 200 when the agent has
    them all already. A file whose name the agent knows becomes the next version of that document,
    unless `replace` is `false`; `document_id` names the document that gets the form's one file.
    """
    return _upload_reply(await use.upload_documents(upload_form(request)))


@router.put(
    "/{document_id}",
    dependencies=[Depends(rate_limited("upload"))],
    status_code=202,
    responses=errors(
        UploadTooLarge, UnsupportedType, DocumentNotFound, OneFileOnly, NothingUploaded, SameContent
    ),
    max_body_size=MAX_FORM_BYTES,
    openapi_extra=_REPLACE_BODY,
)
async def replace_document(document_id: UUID, request: Request, use: Writing) -> JsonResponse:
    """Give a document another file, as its next version.

    Search shows the version before until the new one is indexed, and goes on with it should the
    new one fail.
    """
    form = upload_form(request)
    return _upload_reply(await use.upload_documents(form, document_id=document_id))


def _upload_reply(outcome: UploadOutcome) -> JsonResponse:
    if not outcome.accepted:
        if len(outcome.rejected) == 1:
            raise outcome.rejected[0].error
        raise UploadRejected(details={"errors": upload_errors(outcome)})
    status, body = upload_reply(outcome)
    return JsonResponse(body, status_code=status)


@router.get("")
async def list_documents(
    use: Reading,
    paging: Paging,
    *,
    status: Status | None = None,
    search: Annotated[str | None, Query(max_length=200)] = None,
    document_type: Annotated[str | None, Query(max_length=20)] = None,
    agent_id: UUID | None = None,
) -> DocumentListOut:
    """List the company's documents, newest first."""
    wanted = DocumentFilter(
        status=status, search=search, document_type=document_type, agent_id=agent_id
    )
    documents, total = await use.list_documents(wanted, offset=paging.offset, limit=paging.per_page)
    return DocumentListOut.of(documents, paging.of(total))


@router.get("/deleted")
async def list_deleted_documents(use: Reading, paging: Paging) -> DeletedDocumentListOut:
    """List documents that were deleted and can be restored."""
    documents, total = await use.list_documents(
        DocumentFilter(deleted=True), offset=paging.offset, limit=paging.per_page
    )
    return DeletedDocumentListOut.of(documents, paging.of(total))


@router.get("/agent/{agent_id}", responses=errors(AgentNotFound))
async def list_documents_of_agent(
    agent_id: UUID,
    use: Reading,
    paging: Paging,
    document_type: Annotated[str | None, Query(max_length=20)] = None,
) -> DocumentListOut:
    """List an agent's documents, newest first."""
    documents, total = await use.list_documents(
        DocumentFilter(agent_id=agent_id, document_type=document_type),
        offset=paging.offset,
        limit=paging.per_page,
        agent_must_exist=True,
    )
    return DocumentListOut.of(documents, paging.of(total))


@router.delete("/bulk-delete", responses=errors(DocumentNotFound))
async def delete_documents(body: BulkDeleteIn, use: Writing) -> BulkDeletedOut:
    """Delete several documents, all or none."""
    documents = await use.delete_documents(body.document_ids)
    return BulkDeletedOut(
        message=f"{len(documents)} documents were deleted.",
        document_ids=[document.id for document in documents],
        deleted_documents_count=len(documents),
        deleted_chunks_count=sum(document.passage_count or 0 for document in documents),
    )


@router.get("/{document_id}", responses=errors(DocumentNotFound))
async def get_document(document_id: UUID, use: Reading, paging: Paging) -> DocumentDetailOut:
    """Show a document with a page of its chunks."""
    document, passages, total = await use.get_document(
        document_id, offset=paging.offset, limit=paging.per_page
    )
    return DocumentDetailOut(
        id=document.id,
        document=DocumentOut.of(document),
        chunks=[
            ChunkOut.of(passage, embedding_model=document.embedding_model) for passage in passages
        ],
        pagination=paging.of(total),
    )


@router.delete("/{document_id}", responses=errors(DocumentNotFound))
async def delete_document(document_id: UUID, use: Writing) -> DocumentChangedOut:
    """Delete a document: from now on nobody finds it. It can be restored for a while."""
    document = await use.delete_document(document_id)
    return DocumentChangedOut(
        document_id=document.id,
        filename=document.filename,
        message="The document was deleted.",
        deleted_chunks_count=document.passage_count or 0,
        document=DocumentOut.of(document),
    )


@router.patch(
    "/{document_id}/restore",
    responses=errors(DocumentNotFound, DocumentNotDeleted, SameContent),
)
async def restore_document(document_id: UUID, use: Writing) -> DocumentChangedOut:
    """Restore a deleted document; it can be found again once it is indexed anew."""
    document = await use.restore_document(document_id)
    return DocumentChangedOut(
        document_id=document.id,
        filename=document.filename,
        message="The document was restored and is being indexed.",
        restored_chunks_count=document.passage_count or 0,
        document=DocumentOut.of(document),
    )


@router.post(
    "/{document_id}/retry", status_code=202, responses=errors(DocumentNotFound, DocumentNotFailed)
)
async def retry_document(document_id: UUID, use: Writing) -> DocumentRetriedOut:
    """Index a document again that has failed, from the file that was uploaded."""
    document = await use.retry_document(document_id)
    return DocumentRetriedOut(
        message="The document is being indexed again.",
        document_id=document.id,
        task_id=document.task_id,
        document=DocumentOut.of(document),
    )


@router.get("/{document_id}/versions", responses=errors(DocumentNotFound))
async def list_versions(document_id: UUID, use: Reading) -> VersionListOut:
    """List the files that a document has had, newest first."""
    return VersionListOut.of(*await use.list_versions(document_id))


@router.get(
    "/{document_id}/download",
    response_class=Response,
    responses={
        200: {
            "content": {"application/octet-stream": {"schema": {"format": "binary"}}},
            "description": "The file as it was uploaded, as an attachment.",
        },
        **errors(DocumentNotFound, VersionNotFound, BlobMissing),
    },
)
async def download_document(
    document_id: UUID,
    use: Reading,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """Download the original file: the newest, or the one that a citation's version was made of."""
    download = await use.download_document(document_id, version=version)
    name = quote(download.filename, safe="")
    return StreamingResponse(
        download.chunks,
        # Never a type that a browser would show: it is somebody's upload.
        media_type="application/octet-stream",
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{name}",
            "content-length": str(download.size_bytes),
            "cache-control": "private, no-store",
        },
    )


@router.get(
    "/{document_id}/events",
    response_class=Response,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
            "description": "An event `document` for each change, the last when it is finished.",
        },
        **errors(DocumentNotFound),
    },
)
async def follow_document(document_id: UUID, use: Reading) -> Response:
    """Follow a document's progress as server-sent events, until it is processed or has failed."""
    return EventStream(_as_events(await use.follow_document(document_id)))


async def _as_events(progress: AsyncIterator[DocumentProgress | None]) -> AsyncIterator[bytes]:
    async for one in progress:
        if one is None:
            yield b": still at it\n\n"
        else:
            data = DocumentProgressOut.of(one.document, jobs_ahead=one.jobs_ahead)
            yield b"event: document\ndata: " + data.model_dump_json().encode() + b"\n\n"
