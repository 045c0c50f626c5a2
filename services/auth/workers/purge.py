"""Deleting what has run out, by the clock."""

from dataclasses import dataclass

from libs.common.periodic import repeat
from libs.common.telemetry.logging import get_logger
from services.auth.use_cases.purge_expired import PurgeExpired

log = get_logger(__name__)

INTERVAL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class PurgeLoop:
    """Calls the use case once a minute, for ever; outages of PostgreSQL are waited out."""

    purge_expired: PurgeExpired

    async def run(self) -> None:
        """Purge for ever."""
        await repeat(self._purge, every_seconds=INTERVAL_SECONDS, waits="purge_waits")

    async def _purge(self) -> None:
        deleted = await self.purge_expired()
        if deleted:
            log.info("purged", table="sessions", rows=deleted)
