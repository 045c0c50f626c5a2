"""Counting attempts so that exactly as many as allowed go on, with Redis and without.

Redis counts for all replicas in one atomic step. While it is away PostgreSQL does, in one
transaction; both know the same rule (GCRA, see `libs.common.rate_limits`). Each process counts as
well, so that a counter that was lost, or one that takes over, opens no fresh budget here.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from libs.common.database import PLATFORM_TENANT, Database
from libs.common.database.connection import Connection
from libs.common.rate_limits import Decision, LocalBuckets, Rate, RateLimiter

# The clock is read once the row is locked: the transaction may have waited for others.
_TAKE: Final = """
INSERT INTO attempt_budgets AS known (tenant_id, key, full_at)
VALUES ($1, $2, clock_timestamp() + $3)
ON CONFLICT (tenant_id, key) DO UPDATE
    SET full_at = greatest(known.full_at, clock_timestamp()) + $3
    WHERE greatest(known.full_at, clock_timestamp()) + $3 <= clock_timestamp() + $4
RETURNING full_at
"""
_FULL_AT: Final = """
SELECT extract(epoch FROM full_at - clock_timestamp())::float8
FROM attempt_budgets WHERE tenant_id = $1 AND key = $2
"""


class _Refused(Exception):
    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__()


class AttemptBudgets:
    """Takes attempts out of budgets.

    Args:
        limiter: Counts in Redis.
        database: Counts while Redis is away.
    """

    def __init__(self, limiter: RateLimiter, database: Database) -> None:
        self._limiter = limiter
        self._database = database
        self._local = LocalBuckets()

    async def take(self, budgets: Mapping[str, Rate]) -> int:
        """Take one attempt out of each budget, or none when one of them is exhausted.

        Returns:
            Seconds to wait; 0 when the attempt may go on.

        Raises:
            DatabaseUnavailable: Neither Redis nor PostgreSQL can count: nobody is let through.
        """
        for key, rate in budgets.items():
            wait = _wait([self._local.check(key, rate)])
            if wait:
                return wait
        decisions = await self._limiter.check_shared(budgets)
        if decisions is not None:
            return _wait(decisions)
        try:
            async with self._database.lean(PLATFORM_TENANT) as connection:
                # In one order, so that no two wait for each other.
                for key in sorted(budgets):
                    await _take(connection, key, budgets[key])
        except _Refused as refused:
            return refused.retry_after_seconds
        return 0


async def _take(connection: Connection, key: str, rate: Rate) -> None:
    interval = timedelta(microseconds=rate.interval)
    budget = timedelta(microseconds=rate.budget)
    if await connection.fetchval(_TAKE, PLATFORM_TENANT, key, interval, budget) is None:
        full_in = await connection.fetchval(_FULL_AT, PLATFORM_TENANT, key) or 0.0
        wait = full_in + interval.total_seconds() - budget.total_seconds()
        # Leaving by an error takes back what the other budgets gave.
        raise _Refused(max(int(wait) + 1, 1))


def _wait(decisions: Sequence[Decision]) -> int:
    refused = [decision for decision in decisions if not decision.allowed]
    return max((decision.retry_after_seconds for decision in refused), default=0)
