"""The schedule of crawls: looks every few seconds for websites whose time has come."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from libs.common.errors import Unavailable
from services.documents.repositories.crawl_schedule import CrawlSchedule

log = structlog.get_logger(__name__)

INTERVAL_SECONDS: Final = 5.0
BATCH_SIZE: Final = 50


@dataclass(frozen=True, kw_only=True)
class ScheduleLoop:
    """Begins due crawls. Several workers may: each website is taken by one of them."""

    schedule: CrawlSchedule
    start: Callable[[UUID, UUID], Awaitable[bool]]

    async def run(self) -> None:
        """Look for ever; outages are waited out."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.7, 1.3))  # noqa: S311
            try:
                await self.start_due()
                await self.schedule.forget_old(limit=BATCH_SIZE)
            except Unavailable as error:
                log.warning("crawls_not_started", reason=error.code)

    async def start_due(self) -> int:
        """Begin the crawls that are due now; return how many."""
        due = await self.schedule.due(limit=BATCH_SIZE)
        return sum([await self.start(tenant_id, source_id) for tenant_id, source_id in due])
