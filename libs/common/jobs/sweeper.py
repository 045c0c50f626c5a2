"""The sweeper: frees what dead workers held, measures queues, and throws away what is old."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from prometheus_client import Gauge

from libs.common.database import Database, DatabaseUnavailable
from libs.common.jobs.claims import free_expired
from libs.common.periodic import jittered
from libs.common.telemetry.logging import get_logger

log = get_logger(__name__)

INTERVAL_SECONDS: Final = 3.0
MEASURE_SECONDS: Final = 15.0
PURGE_SECONDS: Final = 600.0
PURGE_BATCH: Final = 5000

_WAITING_EVENTS: Final = Gauge("outbox_waiting", "Events not yet on their stream.")
_WAITING_JOBS: Final = Gauge("jobs_waiting", "Jobs that are due and not begun.")
_OLDEST_JOB: Final = Gauge("jobs_oldest_waiting_seconds", "How long the oldest of them has waited.")

_MEASURE: Final = """
SELECT (SELECT count(*) FROM outbox WHERE published_at IS NULL) AS events,
       count(*) AS jobs,
       coalesce(extract(epoch FROM now() - min(run_at)), 0)::float8 AS oldest_seconds
FROM jobs WHERE state = 'queued' AND run_at <= now()
"""

# The inbox outlives the outbox: whatever may be published again is recognised.
_PURGES: Final = {
    "outbox": """
        DELETE FROM outbox WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM outbox
            WHERE published_at < now() - interval '7 days' LIMIT $1))""",
    "inbox": """
        DELETE FROM inbox WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM inbox
            WHERE received_at < now() - interval '8 days' LIMIT $1))""",
    "jobs": """
        DELETE FROM jobs WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM jobs
            WHERE finished_at < now() - CASE state WHEN 'failed' THEN interval '7 days'
                                                   ELSE interval '1 day' END LIMIT $1))""",
    "idempotency_keys": """
        DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM idempotency_keys
            WHERE created_at < now() - interval '1 day' LIMIT $1))""",
}


class Sweeper:
    """Tidies one service's common tables.

    Args:
        database: With the worker's role.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._measured_at = 0.0
        self._purged_at = time.monotonic() - jittered(PURGE_SECONDS, 0, 1)

    async def run(self) -> None:
        """Sweep for ever; outages of PostgreSQL are waited out."""
        while True:
            try:
                await self.sweep()
                if time.monotonic() - self._measured_at > MEASURE_SECONDS:
                    self._measured_at = time.monotonic()
                    await self.measure()
                if time.monotonic() - self._purged_at > PURGE_SECONDS:
                    self._purged_at = time.monotonic()
                    await self.purge()
            except DatabaseUnavailable:
                log.warning("sweeper_waits", reason="DatabaseUnavailable")
            await asyncio.sleep(INTERVAL_SECONDS)

    async def sweep(self) -> int:
        """Queue jobs again whose worker died; return how many there were."""
        async with self._database.lean_cross_tenant() as connection:
            freed = await free_expired(connection)
        if freed:
            log.warning("jobs_freed", jobs=freed)
        return freed

    async def measure(self) -> None:
        """Set the metrics that tell an operator what is waiting."""
        async with self._database.lean_cross_tenant() as connection:
            row = await connection.fetchrow(_MEASURE)
        if row is not None:
            _WAITING_EVENTS.set(row["events"])
            _WAITING_JOBS.set(row["jobs"])
            _OLDEST_JOB.set(row["oldest_seconds"])

    async def purge(self) -> None:
        """Delete what is older than it need be, in small transactions."""
        for table, statement in _PURGES.items():
            deleted = PURGE_BATCH
            while deleted == PURGE_BATCH:
                async with self._database.lean_cross_tenant() as connection:
                    done = await connection.execute(statement, PURGE_BATCH)
                deleted = int(done.split()[-1])
                if deleted:
                    log.info("purged", table=table, rows=deleted)
