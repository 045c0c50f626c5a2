"""The hourly sweep."""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

import structlog

from libs.common.errors import Unavailable
from services.documents.use_cases.sweep import EraseDeleted, SweepStore

log = structlog.get_logger(__name__)

INTERVAL_SECONDS: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class SweepLoop:
    """Clears away what nobody can reach any more, once an hour.

    Several workers may do so at once: what one has deleted is not there for the other.
    """

    sweep_store: SweepStore
    erase_deleted: EraseDeleted

    async def run(self) -> None:
        """Sweep for ever; outages are waited out."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            try:
                await self.erase_deleted()
                await self.sweep_store()
            except Unavailable as error:
                log.warning("sweep_postponed", reason=error.code)
