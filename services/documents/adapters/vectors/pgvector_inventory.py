"""What the vector tables hold, for the reconciler."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import asyncpg

from libs.common.database import Database
from libs.common.database.connection import Connection
from libs.common.errors import Unavailable
from services.documents.adapters.vectors.statements import DIMENSIONS
from services.documents.domain.errors import VectorStoreUnavailable
from services.documents.domain.ports import EmbeddingSpace
from services.documents.domain.reconciling import StoredPoint

BATCH_SIZE: Final = 200

_TABLES: Final = " UNION ALL ".join(
    f"SELECT space, passage_id, document_id, document_version FROM vectors_{dimension} "  # noqa: S608 - a number of ours
    "WHERE tenant_id = $1 AND document_id = ANY ($2::uuid[])"
    for dimension in DIMENSIONS
)
# A digest ranks and a vector is read again: search needs both.
_POINTS: Final = f"""
SELECT space, passage_id, document_id, document_version, count(*) = 2 AS whole
FROM (
    SELECT space, passage_id, document_id, document_version FROM passage_digests
    WHERE tenant_id = $1 AND document_id = ANY ($2::uuid[])
    UNION ALL {_TABLES}
) halves
GROUP BY space, passage_id, document_id, document_version
"""  # noqa: S608 - a number of ours
_DOCUMENTS_OF: Final = "SELECT DISTINCT document_id FROM {table} WHERE tenant_id = $1"
_NOTE_REMOVAL: Final = """
UPDATE knowledge_generations SET generation = generation + 1, removals = removals + 1
WHERE tenant_id = $1 AND space = $2
"""
_DELETE: Final = """
DELETE FROM {table} WHERE tenant_id = $1 AND space = $2 AND passage_id = ANY ($3::uuid[])
"""


class PgVectorInventory:
    """Fulfils `VectorInventory`.

    Args:
        database: The documents service's own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def label(self, space: EmbeddingSpace) -> str:
        """Return the space's name: the tables have it in a column."""
        return space.name

    async def tenants(self) -> set[UUID]:
        """Return nobody: row-level security shows a tenant's vectors to the tenant alone."""
        return set()

    async def documents(self, tenant_id: UUID) -> AsyncIterator[Sequence[UUID]]:
        """Yield the documents that have digests or vectors."""
        seen: set[UUID] = set()
        for table in ("passage_digests", *(f"vectors_{one}" for one in DIMENSIONS)):
            async with self._transaction(tenant_id) as connection:
                rows = await connection.fetch(_DOCUMENTS_OF.format(table=table), tenant_id)
            new = sorted({UUID(int=row[0].int) for row in rows} - seen)
            seen.update(new)
            for start in range(0, len(new), BATCH_SIZE):
                yield new[start : start + BATCH_SIZE]

    async def points_of(
        self, tenant_id: UUID, document_ids: Sequence[UUID]
    ) -> Sequence[StoredPoint]:
        """Return all vectors of some documents."""
        async with self._transaction(tenant_id) as connection:
            rows = await connection.fetch(_POINTS, tenant_id, list(document_ids))
        return [
            StoredPoint(
                space=row[0],
                id=UUID(int=row[1].int),
                document_id=UUID(int=row[2].int),
                document_version=row[3],
                whole=row[4],
            )
            for row in rows
        ]

    async def delete(self, tenant_id: UUID, points: Sequence[StoredPoint]) -> None:
        """Delete vectors, and tell the processes that keep digests in memory."""
        by_space: dict[str, list[UUID]] = {}
        for point in points:
            by_space.setdefault(point.space, []).append(point.id)
        for space, ids in by_space.items():
            async with self._transaction(tenant_id) as connection:
                # As every change does: the generation first, then the rows.
                await connection.execute(_NOTE_REMOVAL, tenant_id, space)
                dimension = space.rpartition("/")[2]
                for table in ("passage_digests", f"vectors_{int(dimension)}"):
                    await connection.execute(_DELETE.format(table=table), tenant_id, space, ids)

    @asynccontextmanager
    async def _transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        try:
            async with self._database.lean(tenant_id) as connection:
                yield connection
        except (Unavailable, OSError, asyncpg.PostgresConnectionError) as error:
            raise VectorStoreUnavailable(retry_after_seconds=2) from error
