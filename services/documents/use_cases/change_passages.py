"""Deleting and restoring single chunks, or all of a document's.

Their vectors stay where they are: search confirms every hit against the passages, so a deleted
one is not shown, and restoring it takes no embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from services.documents.domain.errors import (
    ChunkNotDeleted,
    DocumentNotFound,
    ParentDeleted,
    PassageNotFound,
)
from services.documents.models import Document, StoredPassage
from services.documents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class DeletePassage:
    """Hide one chunk from search."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, passage_id: UUID) -> StoredPassage:
        """Delete a chunk.

        Raises:
            PassageNotFound: There is no such chunk, or it is deleted already.
        """
        async with self.unit_of_work() as uow:
            found = await uow.passages.locked(passage_id)
            if found is None or found[0].deleted_at is not None or found[1].deleted_at is not None:
                raise PassageNotFound
            found[0].deleted_at = datetime.now(UTC)
            return found[0]


@dataclass(frozen=True, kw_only=True)
class RestorePassage:
    """Show one chunk to search again."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, passage_id: UUID) -> StoredPassage:
        """Restore a chunk.

        Raises:
            PassageNotFound: There is no such chunk.
            ParentDeleted: Its document is deleted.
            ChunkNotDeleted: It is not deleted.
        """
        async with self.unit_of_work() as uow:
            found = await uow.passages.locked(passage_id)
            if found is None:
                raise PassageNotFound
            passage, document = found
            if document.deleted_at is not None:
                raise ParentDeleted
            if passage.deleted_at is None:
                raise ChunkNotDeleted
            passage.deleted_at = None
            return passage


@dataclass(frozen=True, kw_only=True)
class ChangeAllPassages:
    """Hide all chunks of a document, or show them again; the document itself stays."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, document_id: UUID, *, deleted: bool) -> tuple[Document, int]:
        """Return the document and how many chunks have changed.

        Raises:
            DocumentNotFound: The tenant has no such document, or it is deleted.
        """
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(document_id, lock=True)
            if document is None:
                raise DocumentNotFound
            if deleted:
                return document, await uow.passages.mark_deleted(document, now=datetime.now(UTC))
            return document, await uow.passages.mark_restored(document)


@dataclass(frozen=True, kw_only=True)
class ListDeletedPassages:
    """Show the chunks that were deleted one by one."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, *, offset: int, limit: int) -> tuple[Sequence[StoredPassage], int]:
        """Return a stretch of the list, newest deletion first, and how long the list is."""
        async with self.unit_of_work(read_only=True) as uow:
            return await uow.passages.deleted(offset=offset, limit=limit)
