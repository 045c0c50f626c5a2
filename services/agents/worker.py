"""The worker process of agents: `python -m services.agents.worker`.

It publishes agents' events, keeps their counters, and throws away what has run out. Agents have
no jobs: what they are asked, they answer at once.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from libs.common.events.consumer import Consumer
from libs.common.events.relay import Relay
from libs.common.jobs.sweeper import Sweeper
from libs.common.process import Loop, load_settings, run_worker
from libs.common.resources import Resources
from libs.common.wake import Nudges
from services.agents.settings import Settings
from services.agents.workers.events import HANDLERS


@asynccontextmanager
async def loops(resources: Resources) -> AsyncIterator[Mapping[str, Loop]]:
    """Put the worker together."""
    service = resources.service
    nudges = Nudges(resources.redis, service)
    yield {
        "nudges": nudges.run,
        "relay": Relay(resources.database, resources.redis, service, nudge=nudges.events).run,
        "consumer": Consumer(resources.redis, resources.database, service, HANDLERS).run,
        "sweeper": Sweeper(resources.database).run,
    }


if __name__ == "__main__":
    run_worker(load_settings(Settings), loops)
