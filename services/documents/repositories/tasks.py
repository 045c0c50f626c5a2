"""Finding a task before its tenant is known."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database


@dataclass(frozen=True, kw_only=True)
class FoundTask:
    """Whose document a task is about."""

    tenant_id: UUID
    document_id: UUID


@dataclass(frozen=True, kw_only=True)
class TaskLookup:
    """Asks the one function that sees the tasks of all tenants."""

    database: Database

    async def find(self, task_id: UUID) -> FoundTask | None:
        """Return whose task this is; None when there is none, or it ended long ago."""
        async with self.database.platform() as connection:
            row = await connection.fetchrow("SELECT * FROM find_task($1)", task_id)
        return None if row is None else FoundTask(tenant_id=row[0], document_id=row[1])
