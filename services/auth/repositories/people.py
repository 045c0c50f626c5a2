"""People of all companies, by their ids: for super admins only."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database
from services.auth.repositories.companies import like


@dataclass(frozen=True, kw_only=True)
class PeopleFilter:
    """Which people; what is None does not narrow."""

    company_id: UUID | None = None
    role: str | None = None
    status: str | None = None
    name: str | None = None


class People:
    """Finds users, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: PeopleFilter, *, page: int, per_page: int
    ) -> tuple[Sequence[tuple[UUID, UUID]], int]:
        """Return tenants and ids on one page, and how many there are; pages count from 1."""
        found, total = await self._ids(wanted, limit=per_page, offset=(page - 1) * per_page)
        if not found and page > 1:
            # Behind the last page there is no row that could say how many there are.
            _, total = await self._ids(wanted, limit=1, offset=0)
        return found, total

    async def _ids(
        self, wanted: PeopleFilter, *, limit: int, offset: int
    ) -> tuple[list[tuple[UUID, UUID]], int]:
        async with self._database.platform() as connection:
            rows = await connection.fetch(
                "SELECT * FROM user_ids($1, $2, $3, $4, $5, $6)",
                wanted.company_id,
                wanted.role,
                wanted.status,
                None if wanted.name is None else like(wanted.name),
                limit,
                offset,
            )
        # Of asyncpg's own UUID class otherwise.
        ids = [(UUID(int=row[0].int), UUID(int=row[1].int)) for row in rows]
        return ids, int(rows[0][2]) if rows else 0
