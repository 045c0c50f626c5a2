"""The worker process of documents: `python -m services.documents.worker`.

It indexes documents, publishes this service's events, and hears what happens to agents.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from libs.common.events.consumer import Consumer
from libs.common.events.relay import Relay
from libs.common.jobs.runner import JobRunner
from libs.common.jobs.sweeper import Sweeper
from libs.common.process import Loop, load_settings, run_worker
from libs.common.resources import Resources
from libs.common.wake import Nudges
from services.documents.adapters.parsing.ocr import OcrChoice, find_ocr
from services.documents.adapters.parsing.pool import PROCESSES, ProcessParser
from services.documents.repositories.crawl_schedule import CrawlSchedule
from services.documents.settings import Settings
from services.documents.wiring import Wiring, erase_deleted, purge_versions, sweep_store
from services.documents.wiring.websites import Crawling
from services.documents.workers.crawls import ScheduleLoop
from services.documents.workers.events import HANDLERS
from services.documents.workers.jobs import JobHandlers
from services.documents.workers.sweep import SweepLoop
from services.documents.workers.web_jobs import WebJobHandlers

SCANS_AT_ONCE: Final = PROCESSES - 1

log = structlog.get_logger(__name__)


@asynccontextmanager
async def loops(resources: Resources) -> AsyncIterator[Mapping[str, Loop]]:
    """Put the worker together."""
    database, redis, service = resources.database, resources.redis, resources.service
    nudges = Nudges(redis, service)
    async with Wiring.open(resources) as wiring, ProcessParser(ocr=_ocr(wiring)) as parser:
        jobs = JobHandlers(wiring=wiring, parser=parser)
        runner = JobRunner(
            database,
            redis,
            service,
            jobs.by_kind,
            on_failed=jobs.on_failed,
            concurrency=wiring.settings.index_concurrency,
            nudge=nudges.jobs,
        )
        web_jobs = WebJobHandlers(wiring=wiring, crawling=Crawling.of(wiring, parser))
        # Recognising a page takes seconds. One document at a time leaves a parsing process free for
        # text, whoever's it is; their tenants take turns.
        scans = JobRunner(
            database,
            redis,
            f"{service}-scans",
            jobs.slow,
            on_failed=jobs.on_failed,
            concurrency=SCANS_AT_ONCE,
        )
        # Crawls wait most of the time, so they have hands of their own; they hear no wake-ups,
        # which would be taken from the others, and look every second instead.
        crawls = JobRunner(
            database,
            redis,
            f"{service}-web",
            web_jobs.by_kind,
            on_failed=web_jobs.on_failed,
            concurrency=wiring.settings.crawl_concurrency,
        )

        async def start_due(tenant_id: UUID, source_id: UUID) -> bool:
            return await wiring.use_cases(tenant_id).start_due_crawl(source_id)

        schedule = ScheduleLoop(schedule=CrawlSchedule(database=database), start=start_due)
        yield {
            "nudges": nudges.run,
            "jobs": runner.run,
            "scans": scans.run,
            "crawls": crawls.run,
            "schedule": schedule.run,
            "relay": Relay(database, redis, service, nudge=nudges.events).run,
            "events": Consumer(redis, database, service, HANDLERS).run,
            "sweeper": Sweeper(database).run,
            "sweep": SweepLoop(
                sweep_store=sweep_store(wiring),
                erase_deleted=erase_deleted(wiring),
                purge_versions=purge_versions(wiring),
            ).run,
        }


def _ocr(wiring: Wiring) -> OcrChoice | None:
    settings = wiring.settings
    choice, missing = find_ocr(
        settings.ocr_languages,
        max_pages=settings.ocr_max_pages,
        folder=Path(settings.ocr_data_dir) if settings.ocr_data_dir else None,
    )
    if missing:
        log.warning("ocr_languages_missing", missing=missing, on=choice is not None)
    return choice


if __name__ == "__main__":
    run_worker(load_settings(Settings), loops)
