"""What the schedule asks about the websites of all tenants."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database

# Tenants take turns: the longest due website of each, then the second of each.
_DUE = """
SELECT tenant_id, id FROM (
    SELECT tenant_id, id, next_crawl_at,
           row_number() OVER (PARTITION BY tenant_id ORDER BY next_crawl_at) AS turn
    FROM website_sources WHERE next_crawl_at <= now() AND deleted_at IS NULL
) AS due
ORDER BY turn, next_crawl_at LIMIT $1
"""
_PURGE = """
DELETE FROM website_crawls WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM website_crawls
    WHERE finished_at < now() - interval '90 days' LIMIT $1))
"""


@dataclass(frozen=True, kw_only=True)
class CrawlSchedule:
    """Looks at the websites of all tenants, with the worker's role."""

    database: Database

    async def due(self, *, limit: int) -> list[tuple[UUID, UUID]]:
        """Return (tenant, website) of those whose time has come, by tenants in turn."""
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch(_DUE, limit)
        return [(row[0], row[1]) for row in rows]

    async def forget_old(self, *, limit: int) -> None:
        """Delete crawls that ended long ago."""
        async with self.database.lean_cross_tenant() as connection:
            await connection.execute(_PURGE, limit)
