"""Sessions of all tenants that are over; the worker's role may delete them."""

from datetime import datetime

from libs.common.database import Database

_BATCH = 1000

_DELETE = """
DELETE FROM sessions WHERE (tenant_id, id) IN (
    SELECT tenant_id, id FROM sessions
    WHERE least(idle_until, expires_at, ended_at) < $1
    LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""
_FORGET = """
UPDATE refresh_tokens SET successor = NULL WHERE successor IS NOT NULL AND replaced_at < $1
"""


class ExpiredSessions:
    """Deletes across tenants, in batches that lock little."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete(self, *, before: datetime) -> int:
        """Delete sessions that were over by then, with their tokens; return how many."""
        total = 0
        while True:
            async with self._database.lean_cross_tenant() as connection:
                status = await connection.execute(_DELETE, before, _BATCH)
            deleted = int(status.rpartition(" ")[2])
            total += deleted
            if deleted < _BATCH:
                return total

    async def forget_successors(self, *, before: datetime) -> None:
        """Drop the encrypted successors of tokens that were replaced before then."""
        async with self._database.lean_cross_tenant() as connection:
            await connection.execute(_FORGET, before)
