"""Documents and chunks as the API shows them.

Clients read the same thing under several names (`filename` and `original_filename`, `type` and
`document_type`), so each is given under all of them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from libs.common.http import Page
from services.documents.models import Document, StoredPassage


class DocumentOut(BaseModel):
    """A document."""

    id: UUID
    agent_id: UUID
    title: str
    filename: str
    original_filename: str
    type: str
    document_type: str
    status: str = Field(description="pending, processing, processed or failed.")
    stage: str = Field(description="What is being done while it is not finished.")
    progress: float = Field(description="How much of the work is done, 0 to 1.")
    processing_error: str | None = Field(description="What to do about a failed document.")
    processing_error_code: str | None
    file_size: int
    page_count: int | None
    word_count: int | None
    chunk_count: int | None
    embedding_model: str | None
    version: int
    live_version: int | None = Field(description="The version that search shows.")
    source_url: str | None
    metadata: dict[str, Any]
    warnings: list[str]
    created_at: datetime
    updated_at: datetime
    processed_at: datetime | None
    deleted_at: datetime | None

    @classmethod
    def of(cls, document: Document) -> Self:
        """Show a document."""
        return cls(
            id=document.id,
            agent_id=document.agent_id,
            title=document.title or document.filename,
            filename=document.next_filename or document.filename,
            original_filename=document.next_filename or document.filename,
            type=document.document_type,
            document_type=document.document_type,
            status=document.status,
            stage=document.stage,
            progress=round(document.progress, 3),
            processing_error=document.processing_error,
            processing_error_code=document.reason_code,
            file_size=document.size_bytes,
            page_count=document.page_count,
            word_count=document.word_count,
            chunk_count=document.passage_count,
            embedding_model=document.embedding_model,
            version=document.version,
            live_version=document.live_version,
            source_url=document.source_url,
            metadata=document.extra,
            warnings=document.warnings,
            created_at=document.created_at,
            updated_at=document.updated_at,
            processed_at=document.processed_at,
            deleted_at=document.deleted_at,
        )


class ChunkOut(BaseModel):
    """A chunk of a document: a passage that search can return."""

    id: UUID
    document_id: UUID
    chunk_index: int
    content: str
    word_count: int
    page: int | None
    heading_path: list[str]
    char_start: int
    char_end: int
    embedding_model: str | None = None
    deleted_at: datetime | None = None

    @classmethod
    def of(cls, passage: StoredPassage, *, embedding_model: str | None = None) -> Self:
        """Show a passage."""
        return cls(
            id=passage.id,
            document_id=passage.document_id,
            chunk_index=passage.position,
            content=passage.text,
            word_count=passage.word_count,
            page=passage.page,
            heading_path=passage.heading_path,
            char_start=passage.char_start,
            char_end=passage.char_end,
            embedding_model=embedding_model,
            deleted_at=passage.deleted_at,
        )


class DocumentListOut(BaseModel):
    """A page of documents."""

    documents: list[DocumentOut]
    document: list[DocumentOut] = Field(description="The same list under its older name.")
    pagination: Page

    @classmethod
    def of(cls, documents: Sequence[Document], page: Page) -> Self:
        """Show a page of documents."""
        shown = [DocumentOut.of(document) for document in documents]
        return cls(documents=shown, document=shown, pagination=page)


class DeletedDocumentListOut(BaseModel):
    """A page of deleted documents."""

    documents: list[DocumentOut]
    deleted_documents: list[DocumentOut] = Field(description="The same list under its older name.")
    pagination: Page

    @classmethod
    def of(cls, documents: Sequence[Document], page: Page) -> Self:
        """Show a page of deleted documents."""
        shown = [DocumentOut.of(document) for document in documents]
        return cls(documents=shown, deleted_documents=shown, pagination=page)


class DocumentDetailOut(BaseModel):
    """One document with a page of its chunks."""

    id: UUID
    document: DocumentOut
    chunks: list[ChunkOut]
    pagination: Page


class DocumentChangedOut(BaseModel):
    """A document that was deleted or restored."""

    document_id: UUID
    filename: str
    message: str
    deleted_chunks_count: int = 0
    restored_chunks_count: int = 0
    document: DocumentOut


class BulkDeleteIn(BaseModel):
    """Which documents to delete."""

    document_ids: list[UUID] = Field(min_length=1, max_length=1000)


class BulkDeletedOut(BaseModel):
    """How much was deleted."""

    message: str
    document_ids: list[UUID]
    deleted_documents_count: int
    deleted_chunks_count: int


class ChunkChangedOut(BaseModel):
    """A chunk that was deleted or restored."""

    chunk_id: UUID
    chunk_index: int
    document_id: UUID
    message: str


class ChunksChangedOut(BaseModel):
    """All chunks of a document, deleted or restored."""

    document_id: UUID
    filename: str
    message: str
    deleted_chunks_count: int | None = None
    restored_chunks_count: int | None = None


class DeletedChunkListOut(BaseModel):
    """A page of deleted chunks."""

    deleted_chunks: list[ChunkOut]
    chunks: list[ChunkOut]
    pagination: Page


class DocumentRetriedOut(BaseModel):
    """A document that is indexed again."""

    message: str
    document_id: UUID
    task_id: UUID
    document: DocumentOut


class DocumentProgressOut(BaseModel):
    """How far a document is."""

    document_id: UUID
    status: str
    stage: str
    progress: float = Field(description="How much of the work is done, 0 to 1.")
    jobs_ahead: int | None = Field(description="The company's jobs before it, while it waits.")
    chunk_count: int | None
    processing_error: str | None
    processing_error_code: str | None

    @classmethod
    def of(cls, document: Document, *, jobs_ahead: int | None) -> Self:
        """Show where a document stands."""
        return cls(
            document_id=document.id,
            status=document.status,
            stage=document.stage,
            progress=round(document.progress, 3),
            jobs_ahead=jobs_ahead,
            chunk_count=document.passage_count,
            processing_error=document.processing_error,
            processing_error_code=document.reason_code,
        )
