"""Finding a task, or the website of an agent, before the tenant is known."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database


@dataclass(frozen=True, kw_only=True)
class FoundTask:
    """Whose document a task is about."""

    tenant_id: UUID
    document_id: UUID


@dataclass(frozen=True, kw_only=True)
class FoundCrawl:
    """Whose website a task is about."""

    tenant_id: UUID
    crawl_id: UUID


@dataclass(frozen=True, kw_only=True)
class FoundWebsite:
    """Whose website an agent is at home on."""

    tenant_id: UUID
    source_id: UUID


@dataclass(frozen=True, kw_only=True)
class TaskLookup:
    """Asks the narrow functions that see what all tenants have."""

    database: Database

    async def find(self, task_id: UUID) -> FoundTask | None:
        """Return whose task this is; None when there is none, or it ended long ago."""
        async with self.database.platform() as connection:
            row = await connection.fetchrow("SELECT * FROM find_task($1)", task_id)
        return None if row is None else FoundTask(tenant_id=row[0], document_id=row[1])

    async def find_crawl(self, task_id: UUID) -> FoundCrawl | None:
        """Return whose crawl or deletion this is; None when there is none, or it ended long ago."""
        async with self.database.platform() as connection:
            row = await connection.fetchrow("SELECT * FROM find_website_task($1)", task_id)
        return None if row is None else FoundCrawl(tenant_id=row[0], crawl_id=row[1])

    async def website_of(self, agent_id: UUID, site: str) -> list[FoundWebsite]:
        """Return an agent's websites on a site."""
        async with self.database.platform() as connection:
            rows = await connection.fetch(
                "SELECT * FROM find_website_of_agent($1, $2)", agent_id, site
            )
        return [FoundWebsite(tenant_id=row[0], source_id=row[1]) for row in rows]
