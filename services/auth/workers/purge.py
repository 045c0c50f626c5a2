"""Deleting what has run out, by the clock."""

import asyncio
import random
from dataclasses import dataclass

from libs.common.database import DatabaseUnavailable
from libs.common.telemetry.logging import get_logger
from services.auth.use_cases.purge_expired import PurgeExpired

log = get_logger(__name__)

INTERVAL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class PurgeLoop:
    """Calls the use case once a minute, for ever; outages of PostgreSQL are waited out."""

    purge_expired: PurgeExpired

    async def run(self) -> None:
        """Purge, and rest."""
        while True:
            # Apart from the other replicas' moments.
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            try:
                deleted = await self.purge_expired()
            except DatabaseUnavailable:
                log.warning("purge_waits", reason="DatabaseUnavailable")
            else:
                if deleted:
                    log.info("purged", table="sessions", rows=deleted)
