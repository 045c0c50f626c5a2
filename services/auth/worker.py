"""The worker process: `python -m services.auth.worker`.

It sends mails, publishes auth's events and throws away what has run out. Auth consumes nobody's
events.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from libs.common.events.relay import Relay
from libs.common.jobs.runner import JobRunner
from libs.common.jobs.sweeper import Sweeper
from libs.common.process import Loop, load_settings, run_worker
from libs.common.resources import Resources
from libs.common.wake import Nudges
from services.auth.repositories.expired import ExpiredSessions
from services.auth.settings import Settings
from services.auth.use_cases.purge_expired import PurgeExpired
from services.auth.wiring.people import mail_jobs
from services.auth.workers.jobs import JobHandlers
from services.auth.workers.purge import PurgeLoop


@asynccontextmanager
async def loops(resources: Resources) -> AsyncIterator[Mapping[str, Loop]]:
    """Put the worker together, from less than `wiring` knows: it hashes no passwords."""
    nudges = Nudges(resources.redis, resources.service)
    relay = Relay(resources.database, resources.redis, resources.service, nudge=nudges.events)
    expired = ExpiredSessions(resources.database)
    jobs = JobHandlers(mails=mail_jobs(resources))
    runner = JobRunner(
        resources.database, resources.redis, resources.service, jobs.by_kind, nudge=nudges.jobs
    )
    yield {
        "nudges": nudges.run,
        "jobs": runner.run,
        "relay": relay.run,
        "sweeper": Sweeper(resources.database).run,
        "purge": PurgeLoop(purge_expired=PurgeExpired(expired=expired)).run,
    }


if __name__ == "__main__":
    run_worker(load_settings(Settings), loops)
