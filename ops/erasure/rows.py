"""A tenant's rows in every schema, deleted as the database's owner.

The tables come from the catalogue, not from a list that somebody would have to keep: whatever has
a `tenant_id` in a service's schema. Row-level security holds for the owner too, so each
transaction names the tenant.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import asyncpg

from libs.common.database.connection import Connection
from ops.errors import OpsError
from ops.services import SERVICES

BATCH: Final = 5_000
KEYS: Final = "tenant_keys"

_TABLES: Final = """
SELECT n.nspname || '.' || c.relname AS place
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = ANY ($1::text[])
ORDER BY 1
"""
_REFERENCES: Final = """
SELECT n.nspname || '.' || c.relname AS own, m.nspname || '.' || d.relname AS referred
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class d ON d.oid = k.confrelid JOIN pg_namespace m ON m.oid = d.relnamespace
WHERE k.contype = 'f' AND k.conrelid <> k.confrelid
"""
_SET_TENANT: Final = "SELECT set_config('app.tenant_id', $1, true)"
# Due is what was deleted and cannot be restored any more; who is suspended only is not.
_STANDS: Final = """
SELECT deleted_at IS NULL OR coalesce(erase_after > now(), false)
FROM auth.tenants WHERE tenant_id = $1
"""
_CLOSE: Final = """
UPDATE auth.tenants SET is_active = false, deleted_at = coalesce(deleted_at, now()),
    erase_after = least(erase_after, now())
WHERE tenant_id = $1
"""
_ALL: Final = "DELETE FROM {place} WHERE tenant_id = $1"
_A_BATCH: Final = """
DELETE FROM {place}
WHERE ctid = ANY (ARRAY(SELECT ctid FROM {place} WHERE tenant_id = $1 LIMIT {batch}))
"""
_CACHED: Final = """
SELECT 'platform:live-session:' || id FROM auth.sessions WHERE tenant_id = $1
UNION ALL
SELECT 'platform:api-key:' || encode(pair_hash, 'hex') FROM auth.api_keys WHERE tenant_id = $1
UNION ALL
SELECT 'platform:limit:second-factor:' || id FROM auth.users WHERE tenant_id = $1
"""


class Rows:
    """The rows of the whole database, as its owner sees them.

    Args:
        owner: A connection as the owner, used by nobody else.
    """

    def __init__(self, owner: asyncpg.Connection) -> None:
        self._owner = owner

    async def stands(self, tenant_id: UUID) -> bool:
        """Tell whether there is such a company and it is not due for erasure."""
        async with self._as(tenant_id) as connection:
            return bool(await connection.fetchval(_STANDS, tenant_id))

    async def close(self, tenant_id: UUID) -> list[str]:
        """Let nobody of the tenant in any more; return the names of what Redis caches of them."""
        async with self._as(tenant_id) as connection:
            await connection.execute(_CLOSE, tenant_id)
            return [str(row[0]) for row in await connection.fetch(_CACHED, tenant_id)]

    async def count(self, tenant_id: UUID) -> dict[str, int]:
        """Return how many rows there are, by `schema.table`; those without any are left out."""
        found = {}
        for place in await self.tables():
            query = f"SELECT count(*) FROM {_quoted(place)} WHERE tenant_id = $1"  # noqa: S608 - names from the catalogue, quoted
            async with self._as(tenant_id) as connection:
                count = int(await connection.fetchval(query, tenant_id))
            if count:
                found[place] = count
        return found

    async def delete(self, tenant_id: UUID, group: Sequence[str]) -> AsyncIterator[tuple[str, int]]:
        """Delete the rows of a group of tables; yield what went: the table, and how many.

        A table goes a batch a transaction. Tables that refer to each other go in one together,
        as their rows can only go at the same moment.

        Raises:
            OpsError: Rows of a table that comes later still refer to them.
        """
        try:
            if len(group) == 1:
                deleted = BATCH
                while deleted == BATCH:
                    async with self._as(tenant_id) as connection:
                        deleted = await _delete(connection, group[0], tenant_id, _A_BATCH)
                    yield group[0], deleted
                return
            async with self._as(tenant_id) as connection:
                gone = [
                    (place, await _delete(connection, place, tenant_id, _ALL)) for place in group
                ]
        except asyncpg.ForeignKeyViolationError as error:
            raise OpsError(f"{', '.join(group)} cannot be emptied: {error}.") from error
        for one in gone:
            yield one

    async def vacuum(self, places: Sequence[str]) -> None:
        """Give back the room of deleted rows, so that no later row's page holds them."""
        for place in places:
            await self._owner.execute(f"VACUUM {_quoted(place)}")

    async def tables(self) -> list[str]:
        """Return all tables with a tenant as `schema.table`, in the order of `groups`."""
        return [place for group in await self.groups() for place in group]

    async def groups(self) -> list[list[str]]:
        """Return all tables with a tenant, keys first, then those that refer before others.

        The keys go first, so that what an interruption leaves behind is unreadable where it is
        encrypted. Tables that refer to each other in a circle are one group.
        """
        places = [str(row["place"]) for row in await self._owner.fetch(_TABLES, list(SERVICES))]
        referring: dict[str, set[str]] = {place: set() for place in places}
        for row in await self._owner.fetch(_REFERENCES):
            if row["own"] in referring and row["referred"] in referring:
                referring[row["referred"]].add(row["own"])
        reach = {place: _reached(place, referring) for place in places}
        groups: list[list[str]] = []
        # Whoever fewer refer to, over any number of steps, comes before whom they refer to.
        for place in sorted(places, key=lambda one: (len(reach[one]), one)):
            circle = next(
                (one for one in groups if place in reach[one[0]] and one[0] in reach[place]), None
            )
            if circle is None:
                groups.append([place])
            else:
                circle.append(place)
        return sorted(groups, key=lambda group: not group[0].endswith(f".{KEYS}"))

    @asynccontextmanager
    async def _as(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        async with self._owner.transaction():
            await self._owner.execute(_SET_TENANT, str(tenant_id))
            yield self._owner


async def _delete(connection: Connection, place: str, tenant_id: UUID, query: str) -> int:
    statement = query.format(place=_quoted(place), batch=BATCH)
    status = await connection.execute(statement, tenant_id)
    return int(status.rpartition(" ")[2])


def _quoted(place: str) -> str:
    """Return `schema.table` for SQL; both names come from the catalogue."""
    return ".".join(f'"{name}"' for name in place.split("."))


def _reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for place in edges[waiting.pop()] - found:
            found.add(place)
            waiting.append(place)
    return found
