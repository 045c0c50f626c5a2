"""What the reconciler asks of PostgreSQL: whose documents there are, and how each should look."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database
from libs.common.database.connection import Record
from services.documents.domain.ports import space_named
from services.documents.domain.reconciling import KnownDocument

_TENANTS = """
SELECT tenant_id FROM documents UNION SELECT tenant_id FROM tenant_keys
"""
# The task of a page that was sent in by its address is that of fetching it; its indexing is a job
# of another id.
_DOCUMENTS = """
SELECT d.id, d.blob_id, d.version, d.live_version, d.status, d.deleted_at IS NOT NULL,
       d.embedding_space, d.second_space, coalesce(d.passage_count, 0),
       ARRAY(SELECT p.id FROM passages p
             WHERE p.tenant_id = $1 AND p.document_id = d.id
               AND p.document_version = d.live_version),
       EXISTS (SELECT FROM jobs j WHERE j.tenant_id = $1 AND j.id = d.task_id
               AND j.state IN ('queued', 'running'))
       OR d.status IN ('pending', 'processing') AND d.source_url IS NOT NULL
          AND EXISTS (SELECT FROM jobs j WHERE j.tenant_id = $1
                      AND j.kind IN ('documents.index', 'documents.index_scan')
                      AND j.state IN ('queued', 'running')
                      AND j.payload ->> 'document_id' = d.id::text)
FROM documents d WHERE d.tenant_id = $1 AND {chosen}
ORDER BY d.id LIMIT $3
"""
_AFTER = _DOCUMENTS.format(chosen="($2::uuid IS NULL OR d.id > $2)")
_NAMED = _DOCUMENTS.format(chosen="d.id = ANY ($2::uuid[])")
_KNOWN_BLOBS = """
SELECT blob_id FROM documents WHERE tenant_id = $1 AND blob_id = ANY ($2::uuid[])
UNION
SELECT blob_id FROM document_versions WHERE tenant_id = $1 AND blob_id = ANY ($2::uuid[])
"""


@dataclass(frozen=True, kw_only=True)
class KnowledgeState:
    """Reads documents as they should be."""

    database: Database

    async def tenants(self) -> set[UUID]:
        """Return all who have documents, or have had some; needs the worker's role."""
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch(_TENANTS)
        return {UUID(int=row[0].int) for row in rows}

    async def documents(
        self, tenant_id: UUID, *, after: UUID | None, limit: int
    ) -> list[KnownDocument]:
        """Return documents in the order of their ids, the deleted ones too."""
        async with self.database.lean(tenant_id) as connection:
            rows = await connection.fetch(_AFTER, tenant_id, after, limit)
        return [_known(row) for row in rows]

    async def named(self, tenant_id: UUID, document_ids: Sequence[UUID]) -> list[KnownDocument]:
        """Return those of the documents that there are."""
        ids = list(document_ids)
        async with self.database.lean(tenant_id) as connection:
            rows = await connection.fetch(_NAMED, tenant_id, ids, len(ids))
        return [_known(row) for row in rows]

    async def known_blobs(self, tenant_id: UUID, blob_ids: Sequence[UUID]) -> set[UUID]:
        """Return those of the files that belong to a document."""
        async with self.database.lean(tenant_id) as connection:
            rows = await connection.fetch(_KNOWN_BLOBS, tenant_id, list(blob_ids))
        return {UUID(int=row[0].int) for row in rows}


def _known(row: Record) -> KnownDocument:
    return KnownDocument(
        id=UUID(int=row[0].int),
        blob_id=UUID(int=row[1].int),
        version=row[2],
        live_version=row[3],
        status=row[4],
        deleted=row[5],
        spaces=tuple(space_named(name) for name in (row[6], row[7]) if name is not None),
        passage_count=row[8],
        passages=frozenset(UUID(int=id_.int) for id_ in row[9]),
        wanted_by_job=row[10],
    )
