"""What happened lately in all companies, by the places of audit entries: for super admins only."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from libs.common.database import Database

# Counting all that ever happened would take longer than anybody reads.
MAX_COUNTED: Final = 10_000


class Activity:
    """Finds audit entries, newest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, types: Sequence[str], *, page: int, per_page: int
    ) -> tuple[Sequence[tuple[UUID, int]], int]:
        """Return tenants and places in their trails, and how many there are up to `MAX_COUNTED`.

        Args:
            types: Of events (`user.created`), or the first word of theirs (`user`); all when empty.
            page: From 1.
            per_page: How many.
        """
        wanted = list(types) or None
        async with self._database.platform() as connection:
            rows = await connection.fetch(
                "SELECT * FROM newest_audit_entries($1, $2, $3)",
                wanted,
                per_page,
                (page - 1) * per_page,
            )
            total = await connection.fetchval(
                "SELECT entries FROM count_audit_entries($1, $2)", wanted, MAX_COUNTED
            )
        # Of asyncpg's own UUID class otherwise.
        return [(UUID(int=row[0].int), int(row[1])) for row in rows], int(total)
