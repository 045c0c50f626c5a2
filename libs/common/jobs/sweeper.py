"""The sweeper: frees what dead workers held, and throws away what is old."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

from libs.common.database import Database, DatabaseUnavailable
from libs.common.jobs.claims import free_expired
from libs.common.telemetry.logging import get_logger

log = get_logger(__name__)

INTERVAL_SECONDS: Final = 2.0
PURGE_SECONDS: Final = 600.0
PURGE_BATCH: Final = 5000

# The inbox outlives the outbox: whatever may be published again is recognised.
_PURGES: Final = {
    "outbox": """
        DELETE FROM outbox WHERE (tenant_id, id) IN (
            SELECT tenant_id, id FROM outbox
            WHERE published_at < now() - interval '7 days' LIMIT $1)""",
    "inbox": """
        DELETE FROM inbox WHERE (tenant_id, consumer, event_id) IN (
            SELECT tenant_id, consumer, event_id FROM inbox
            WHERE received_at < now() - interval '8 days' LIMIT $1)""",
    "jobs": """
        DELETE FROM jobs WHERE (tenant_id, id) IN (
            SELECT tenant_id, id FROM jobs
            WHERE finished_at < now() - CASE state WHEN 'failed' THEN interval '7 days'
                                                   ELSE interval '1 day' END LIMIT $1)""",
    "idempotency_keys": """
        DELETE FROM idempotency_keys WHERE (tenant_id, key_hash) IN (
            SELECT tenant_id, key_hash FROM idempotency_keys
            WHERE created_at < now() - interval '1 day' LIMIT $1)""",
}


class Sweeper:
    """Tidies one service's common tables.

    Args:
        database: With the worker's role.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._purged_at = time.monotonic() - random.uniform(0, PURGE_SECONDS)  # noqa: S311

    async def run(self) -> None:
        """Sweep for ever; outages of PostgreSQL are waited out."""
        while True:
            try:
                await self.sweep()
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
