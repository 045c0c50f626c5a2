"""The worker process of conversations: `python -m services.conversations.worker`.

It makes the answers, publishes this service's events and hears of changes to agents.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from libs.common.events.consumer import Consumer
from libs.common.events.relay import Relay
from libs.common.jobs.runner import JobRunner
from libs.common.jobs.sweeper import Sweeper
from libs.common.process import Loop, load_settings, run_worker
from libs.common.resources import Resources
from libs.common.wake import Nudges
from services.conversations.settings import Settings
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from services.conversations.workers.events import handlers
from services.conversations.workers.jobs import JobHandlers
from services.conversations.workers.purge import PurgeLoop


@asynccontextmanager
async def loops(resources: Resources) -> AsyncIterator[Mapping[str, Loop]]:
    """Put the worker together."""
    redis, database, service = resources.redis, resources.database, Settings.service
    nudges = Nudges(redis, service)
    relay = Relay(database, redis, service, nudge=nudges.events)
    consumer = Consumer(redis, database, service, handlers(redis))
    async with Wiring.open(resources, has_events=nudges.events) as wiring:
        yield {
            "answers": lambda: Answering(wiring).run(),
            "nudges": nudges.run,
            "relay": relay.run,
            "consumer": consumer.run,
            "jobs": JobRunner(
                database, redis, service, JobHandlers(wiring).by_kind, nudge=nudges.jobs
            ).run,
            "purge": PurgeLoop(database).run,
            "sweeper": Sweeper(database).run,
        }


if __name__ == "__main__":
    run_worker(load_settings(Settings), loops)
