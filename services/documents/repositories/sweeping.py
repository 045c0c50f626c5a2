"""What the sweeper asks about the documents of all tenants."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.database import Database

_KNOWN = """
SELECT d.tenant_id, d.blob_id
FROM unnest($1::uuid[], $2::uuid[]) AS b (tenant_id, blob_id)
JOIN documents d ON d.tenant_id = b.tenant_id AND d.blob_id = b.blob_id
UNION ALL
SELECT v.tenant_id, v.blob_id
FROM unnest($1::uuid[], $2::uuid[]) AS b (tenant_id, blob_id)
JOIN document_versions v ON v.tenant_id = b.tenant_id AND v.blob_id = b.blob_id
WHERE v.purged_at IS NULL
"""
# A file may have come back as a later version, or as the present one. What search still shows,
# while the files after it failed, is kept however old.
_PURGE = """
UPDATE document_versions v SET purged_at = now()
FROM (
    SELECT tenant_id, id FROM (
        SELECT kept.tenant_id, kept.id, row_number() OVER newest_first AS place,
               kept.version = min(kept.version) FILTER (WHERE kept.version >= d.live_version)
                              OVER (PARTITION BY kept.tenant_id, kept.document_id) AS is_shown
        FROM document_versions kept
        JOIN documents d ON d.tenant_id = kept.tenant_id AND d.id = kept.document_id
        WHERE kept.purged_at IS NULL
        WINDOW newest_first AS (
            PARTITION BY kept.tenant_id, kept.document_id ORDER BY kept.version DESC)
    ) AS kept
    WHERE place > $1 AND is_shown IS NOT TRUE LIMIT $2
) AS old
WHERE v.tenant_id = old.tenant_id AND v.id = old.id AND v.purged_at IS NULL
RETURNING v.tenant_id, v.blob_id
"""
_DELETED = """
SELECT d.tenant_id, d.id, d.blob_id || ARRAY(
    SELECT v.blob_id FROM document_versions v
    WHERE v.tenant_id = d.tenant_id AND v.document_id = d.id
)
FROM documents d
WHERE d.deleted_at < $1 ORDER BY d.deleted_at LIMIT $2
"""
_ERASE = "DELETE FROM documents WHERE tenant_id = $1 AND id = $2 AND deleted_at < $3"


@dataclass(frozen=True, kw_only=True)
class DocumentToErase:
    """A document that was deleted long ago, with all files it ever had."""

    tenant_id: UUID
    id: UUID
    blob_ids: Sequence[UUID]


@dataclass(frozen=True, kw_only=True)
class DocumentSweep:
    """Looks at the documents of all tenants, with the worker's role."""

    database: Database

    async def known_blobs(self, blobs: Sequence[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
        """Return those of the (tenant, blob) pairs that belong to a document."""
        if not blobs:
            return set()
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch(
                _KNOWN, [tenant for tenant, _ in blobs], [blob for _, blob in blobs]
            )
        return {(row[0], row[1]) for row in rows}

    async def deleted_before(self, moment: datetime, *, limit: int) -> list[DocumentToErase]:
        """Return documents that were deleted before `moment`, longest first."""
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch(_DELETED, moment, limit)
        return [DocumentToErase(tenant_id=row[0], id=row[1], blob_ids=row[2]) for row in rows]

    async def purge_versions(self, *, keep: int, limit: int) -> list[tuple[UUID, UUID]]:
        """Give up all but the last `keep` earlier files of each document, some at a time.

        Returns:
            The tenant and the blob of each.
        """
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch(_PURGE, keep, limit)
        return [(UUID(int=row[0].int), UUID(int=row[1].int)) for row in rows]

    async def erase(self, document: DocumentToErase, *, before: datetime) -> bool:
        """Delete the row and its passages, unless the document was restored meanwhile."""
        async with self.database.lean(document.tenant_id) as connection:
            done = await connection.execute(_ERASE, document.tenant_id, document.id, before)
        return done == "DELETE 1"
