"""Erasing what was deleted, once it can no longer be wanted back."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Final

from libs.common.errors import Unavailable
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
        while True:
            await asyncio.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            try:
                await self.erase(now=datetime.now(UTC))
            except Unavailable:
                log.warning("retention_waits")

    async def erase(self, *, now: datetime) -> int:
        """Erase what is due; returns how many conversations and messages it was."""
        erased = await self._memory.erase(now - self._kept)
        if erased:
            log.info("deleted_erased", rows=erased)
        return erased
