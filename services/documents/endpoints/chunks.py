"""Deleting and restoring the chunks of documents."""

from uuid import UUID

from fastapi import APIRouter

from libs.common.http import errors
from services.documents.domain.errors import (
    ChunkNotDeleted,
    DocumentNotFound,
    ParentDeleted,
    PassageNotFound,
)
from services.documents.endpoints.access import Public, Reading, Writing
from services.documents.endpoints.documents import Paging
from services.documents.schemas.documents import (
    ChunkChangedOut,
    ChunkOut,
    ChunksChangedOut,
    DeletedChunkListOut,
)
from services.documents.schemas.uploads import UploadTermsOut

router = APIRouter(prefix="/api/v1/document", tags=["documents"])
uploads = APIRouter(prefix="/api/v1/chunks", tags=["documents"])


@uploads.get("/upload")
async def describe_uploads(use: Public) -> UploadTermsOut:
    """Tell what may be uploaded, and into which chunks it is cut."""
    return UploadTermsOut.of(await use.describe_uploads())


@router.get("/chunk/deleted")
async def list_deleted_chunks(use: Reading, paging: Paging) -> DeletedChunkListOut:
    """List chunks that were deleted while their document was not."""
    passages, total = await use.list_deleted_passages(offset=paging.offset, limit=paging.per_page)
    shown = [ChunkOut.of(passage) for passage in passages]
    return DeletedChunkListOut(deleted_chunks=shown, chunks=shown, pagination=paging.of(total))


@router.delete("/chunk/{chunk_id}", responses=errors(PassageNotFound))
async def delete_chunk(chunk_id: UUID, use: Writing) -> ChunkChangedOut:
    """Hide a chunk from search."""
    passage = await use.delete_passage(chunk_id)
    return ChunkChangedOut(
        chunk_id=passage.id,
        chunk_index=passage.position,
        document_id=passage.document_id,
        message="The chunk was deleted.",
    )


@router.patch(
    "/chunk/{chunk_id}/restore",
    responses=errors(PassageNotFound, ParentDeleted, ChunkNotDeleted),
)
async def restore_chunk(chunk_id: UUID, use: Writing) -> ChunkChangedOut:
    """Show a deleted chunk to search again."""
    passage = await use.restore_passage(chunk_id)
    return ChunkChangedOut(
        chunk_id=passage.id,
        chunk_index=passage.position,
        document_id=passage.document_id,
        message="The chunk was restored.",
    )


@router.delete("/{document_id}/chunk", responses=errors(DocumentNotFound))
async def delete_chunks_of_document(document_id: UUID, use: Writing) -> ChunksChangedOut:
    """Hide all chunks of a document from search; the document stays."""
    document, count = await use.change_all_passages(document_id, deleted=True)
    return ChunksChangedOut(
        document_id=document.id,
        filename=document.filename,
        message=f"{count} chunks were deleted.",
        deleted_chunks_count=count,
    )


@router.patch("/{document_id}/chunk/restore-all", responses=errors(DocumentNotFound))
async def restore_chunks_of_document(document_id: UUID, use: Writing) -> ChunksChangedOut:
    """Show all deleted chunks of a document to search again."""
    document, count = await use.change_all_passages(document_id, deleted=False)
    return ChunksChangedOut(
        document_id=document.id,
        filename=document.filename,
        message=f"{count} chunks were restored.",
        restored_chunks_count=count,
    )
