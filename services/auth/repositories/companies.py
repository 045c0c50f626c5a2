"""All companies of the platform, by their ids: for super admins only.

What is shown of one is then read as that company, so that row-level security holds there, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database


@dataclass(frozen=True, kw_only=True)
class CompanyFilter:
    """Which companies; what is None does not narrow."""

    search: str | None = None
    is_active: bool | None = None
    is_verified: bool | None = None
    deleted: bool | None = None


class Companies:
    """Finds companies, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: CompanyFilter, *, page: int, per_page: int
    ) -> tuple[Sequence[UUID], int]:
        """Return the ids on one page, and how many there are in all; pages count from 1."""
        found, total = await self._ids(wanted, limit=per_page, offset=(page - 1) * per_page)
        if not found and page > 1:
            # Behind the last page there is no row that could say how many there are.
            _, total = await self._ids(wanted, limit=1, offset=0)
        return found, total

    async def _ids(
        self, wanted: CompanyFilter, *, limit: int, offset: int
    ) -> tuple[list[UUID], int]:
        pattern = None if not wanted.search else f"%{_escaped(wanted.search)}%"
        async with self._database.platform() as connection:
            rows = await connection.fetch(
                "SELECT * FROM company_ids($1, $2, $3, $4, $5, $6)",
                pattern,
                wanted.is_active,
                wanted.is_verified,
                wanted.deleted,
                limit,
                offset,
            )
        # Of asyncpg's own UUID class otherwise.
        return [UUID(int=row[0].int) for row in rows], int(rows[0][1]) if rows else 0


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
