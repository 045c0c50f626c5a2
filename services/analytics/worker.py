"""The worker process: `python -m services.analytics.worker`.

It reads every service's events; it publishes none and has no jobs.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from libs.common.jobs.sweeper import Sweeper
from libs.common.process import Loop, load_settings, run_worker
from libs.common.resources import Resources
from services.analytics.settings import Settings
from services.analytics.wiring import fact_consumer
from services.analytics.workers.facts import HANDLERS


@asynccontextmanager
async def loops(resources: Resources) -> AsyncIterator[Mapping[str, Loop]]:
    """Put the worker together."""
    yield {
        "facts": fact_consumer(resources, HANDLERS).run,
        "sweeper": Sweeper(resources.database).run,
    }


if __name__ == "__main__":
    run_worker(load_settings(Settings), loops)
