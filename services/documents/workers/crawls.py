"""The schedule of crawls: looks every few seconds for websites whose time has come."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from libs.common.periodic import repeat
from services.documents.repositories.crawl_schedule import CrawlSchedule

INTERVAL_SECONDS: Final = 5.0
BATCH_SIZE: Final = 50


@dataclass(frozen=True, kw_only=True)
class ScheduleLoop:
    """Begins due crawls. Several workers may: each website is taken by one of them."""

    schedule: CrawlSchedule
    start: Callable[[UUID, UUID], Awaitable[bool]]

    async def run(self) -> None:
        """Look for ever; outages are waited out."""
        await repeat(
            self._look,
            every_seconds=INTERVAL_SECONDS,
            waits="crawls_not_started",
            low=0.7,
            high=1.3,
        )

    async def _look(self) -> None:
        await self.start_due()
        await self.schedule.forget_old(limit=BATCH_SIZE)

    async def start_due(self) -> int:
        """Begin the crawls that are due now; return how many."""
        due = await self.schedule.due(limit=BATCH_SIZE)
        return sum([await self.start(tenant_id, source_id) for tenant_id, source_id in due])
