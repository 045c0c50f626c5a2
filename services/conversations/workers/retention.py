"""Erasing what was deleted, once it can no longer be wanted back."""

from datetime import UTC, datetime, timedelta
from typing import Final

from libs.common.periodic import repeat
from libs.common.telemetry import get_logger
from services.conversations.wiring import Wiring

log = get_logger(__name__)

_PAUSE_SECONDS: Final = 600.0


class Retention:
    """Erases deleted conversations and messages after the days that the operator has set."""

    def __init__(self, wiring: Wiring) -> None:
        self._memory = wiring.memory
        self._kept = timedelta(days=wiring.settings.deleted_conversation_days)

    async def run(self) -> None:
        """Erase for ever; outages of PostgreSQL are waited out."""
        await repeat(
            lambda: self.erase(now=datetime.now(UTC)),
            every_seconds=_PAUSE_SECONDS,
            waits="retention_waits",
            high=1,
        )

    async def erase(self, *, now: datetime) -> int:
        """Erase what is due; returns how many conversations and messages it was."""
        erased = await self._memory.erase(now - self._kept)
        if erased:
            log.info("deleted_erased", rows=erased)
        return erased
