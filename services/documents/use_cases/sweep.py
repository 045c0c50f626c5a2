"""Clearing away what nobody can reach any more: files without a row, documents long deleted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from services.documents.domain.documents import blob_key, id_of_blob
from services.documents.domain.ports import BlobStore, VectorStore
from services.documents.repositories.sweeping import DocumentSweep, DocumentToErase

log = structlog.get_logger(__name__)

# An upload has this long from its first byte in the store to its row.
ORPHAN_AGE: Final = timedelta(hours=24)
BATCH_SIZE: Final = 500


@dataclass(frozen=True, kw_only=True)
class SweepStore:
    """Delete the files of uploads that never became documents, of all tenants."""

    documents: DocumentSweep
    blobs: BlobStore

    async def __call__(self) -> int:
        """Return how many files were deleted."""
        count = 0
        batch: list[tuple[UUID, UUID]] = []
        async for blob in self.blobs.list_keys():
            blob_id = id_of_blob(blob.key)
            if blob_id is None or blob.age_seconds < ORPHAN_AGE.total_seconds():
                continue
            batch.append((blob.tenant_id, blob_id))
            if len(batch) >= BATCH_SIZE:
                count += await self._delete_orphans(batch)
                batch = []
        count += await self._delete_orphans(batch)
        if count:
            log.info("orphaned_files_deleted", count=count)
        return count

    async def _delete_orphans(self, batch: list[tuple[UUID, UUID]]) -> int:
        known = await self.documents.known_blobs(batch)
        orphans = [pair for pair in batch if pair not in known]
        for tenant_id, blob_id in orphans:
            await self.blobs.delete(tenant_id, [blob_key(blob_id)])
        return len(orphans)


@dataclass(frozen=True, kw_only=True)
class PurgeVersions:
    """Give up the oldest of the files that newer ones took the place of."""

    documents: DocumentSweep
    blobs: BlobStore
    keep: int

    async def __call__(self) -> int:
        """Return how many were given up."""
        count = 0
        while batch := await self.documents.purge_versions(keep=self.keep, limit=BATCH_SIZE):
            # What is not deleted now belongs to nobody, and the other sweep finds it.
            known = await self.documents.known_blobs(batch)
            for tenant_id, blob_id in batch:
                if (tenant_id, blob_id) not in known:
                    await self.blobs.delete(tenant_id, [blob_key(blob_id)])
            count += len(batch)
        if count:
            log.info("earlier_files_purged", count=count)
        return count


@dataclass(frozen=True, kw_only=True)
class EraseDeleted:
    """Erase documents for good when nobody has restored them in time: rows, vectors, files."""

    documents: DocumentSweep
    blobs: BlobStore
    vectors: VectorStore
    keep: timedelta

    async def __call__(self) -> int:
        """Return how many documents were erased."""
        before = datetime.now(UTC) - self.keep
        count = 0
        while batch := await self.documents.deleted_before(before, limit=BATCH_SIZE):
            for document in batch:
                count += await self._erase(document, before)
        if count:
            log.info("deleted_documents_erased", count=count)
        return count

    async def _erase(self, document: DocumentToErase, before: datetime) -> bool:
        # The row first: once it is gone nobody can restore the document. Should we die before
        # the rest, the file is an orphan for the other sweep; vectors were purged on deletion.
        if not await self.documents.erase(document, before=before):
            return False
        await self.blobs.delete(document.tenant_id, [blob_key(id_) for id_ in document.blob_ids])
        await self.vectors.delete_document(document.tenant_id, document.id)
        return True
