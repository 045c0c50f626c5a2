"""The worker process of conversations: `python -m services.conversations.worker`.

It makes the answers, publishes this service's events, tells webhooks of them and hears of changes
to agents.
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
from services.conversations.repositories.webhook_feed import WebhookFeed
from services.conversations.settings import Settings
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from services.conversations.workers.events import handlers
from services.conversations.workers.jobs import JobHandlers, WebhookJobs
from services.conversations.workers.purge import PurgeLoop
from services.conversations.workers.retention import Retention


@asynccontextmanager
async def loops(resources: Resources) -> AsyncIterator[Mapping[str, Loop]]:
    """Put the worker together."""
    redis, database, service = resources.redis, resources.database, Settings.service
    nudges = Nudges(redis, service)
    feed = WebhookFeed(database)
    relay = Relay(database, redis, service, nudge=nudges.events, topics=("handoffs",), hears=feed)
    consumer = Consumer(redis, database, service, handlers(redis))
    async with Wiring.open(resources, has_events=nudges.events) as wiring:
        webhooks = WebhookJobs(wiring)
        yield {
            "answers": lambda: Answering(wiring).run(),
            "nudges": nudges.run,
            "relay": relay.run,
            "consumer": consumer.run,
            "jobs": JobRunner(
                database, redis, service, JobHandlers(wiring).by_kind, nudge=nudges.jobs
            ).run,
            "webhook-feed": feed.run,
            "webhooks": JobRunner(
                database,
                redis,
                f"{service}-webhooks",
                webhooks.by_kind,
                on_failed=webhooks.on_failed,
                concurrency=16,
                tenant_concurrency=4,
            ).run,
            "purge": PurgeLoop(database).run,
            "sweeper": Sweeper(database).run,
            "retention": Retention(wiring).run,
        }


if __name__ == "__main__":
    run_worker(load_settings(Settings), loops)
