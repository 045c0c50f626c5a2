"""Sessions of all tenants that are over; the worker's role may delete them."""

from datetime import datetime
from typing import Final

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
LEAD_SESSIONS_OVER: Final = "DELETE FROM lead_sessions WHERE least(expires_at, ended_at) < $1"
# Nobody can use them any more, and what became of them stands in the audit trail.
_DELETE_SPENT = (
    "DELETE FROM one_time_tokens WHERE expires_at < $1",
    "DELETE FROM challenges WHERE expires_at < $1",
    "DELETE FROM invitations WHERE expires_at < $1",
    "DELETE FROM attempt_budgets WHERE full_at < $1",
    LEAD_SESSIONS_OVER,
)


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

    async def delete_spent(self, *, before: datetime) -> None:
        """Delete links, challenges, invitations, budgets and leads' sessions that were over."""
        for statement in _DELETE_SPENT:
            async with self._database.lean_cross_tenant() as connection:
                await connection.execute(statement, before)
