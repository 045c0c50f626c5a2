"""Sealing addresses that are in plain, by the clock."""

from dataclasses import dataclass

from libs.common.periodic import repeat
from libs.common.telemetry.logging import get_logger
from services.auth.use_cases.seal_emails import SealEmails

log = get_logger(__name__)

INTERVAL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class EmailLoop:
    """Seals once a minute; when nothing is in plain any more that is one look at an index."""

    seal: SealEmails

    async def run(self) -> None:
        """Seal for ever."""
        await repeat(self._seal, every_seconds=INTERVAL_SECONDS, waits="sealing_waits")

    async def _seal(self) -> None:
        sealed = await self.seal()
        if sealed:
            log.info("emails_sealed", rows=sealed)
