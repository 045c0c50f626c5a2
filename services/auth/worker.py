"""The worker process: `python -m services.auth.worker`.

It publishes auth's events, throws away what has run out, and looks at proven e-mail domains again.
Auth consumes nobody's events and has no jobs: what it is asked, it answers at once.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from libs.common.events.relay import Relay
from libs.common.jobs.sweeper import Sweeper
from libs.common.process import Loop, load_settings, run_worker
from libs.common.resources import Resources
from libs.common.wake import Nudges
from services.auth.adapters.txt_records import DnsTxtRecords
from services.auth.repositories.email_domains import DomainsDue
from services.auth.repositories.expired import ExpiredSessions
from services.auth.repositories.federation import ExpiredLogins
from services.auth.repositories.unit_of_work import AuthUnitOfWork
from services.auth.settings import Settings
from services.auth.use_cases.purge_expired import PurgeExpired
from services.auth.use_cases.purge_logins import PurgeLogins
from services.auth.use_cases.recheck_domains import RecheckDomains
from services.auth.workers.federation import FederationLoop
from services.auth.workers.purge import PurgeLoop


@asynccontextmanager
async def loops(resources: Resources) -> AsyncIterator[Mapping[str, Loop]]:
    """Put the worker together, from less than `wiring` knows: it hashes no passwords."""
    nudges = Nudges(resources.redis, resources.service)
    relay = Relay(resources.database, resources.redis, resources.service, nudge=nudges.events)
    expired = ExpiredSessions(resources.database)
    settings = resources.settings
    if not isinstance(settings, Settings):
        raise TypeError("auth needs its own settings")

    def unit_of_work(tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork:
        return AuthUnitOfWork(resources.database, tenant_id, read_only=read_only)

    federation = FederationLoop(
        recheck_domains=RecheckDomains(
            unit_of_work=unit_of_work,
            due=DomainsDue(resources.database),
            records=DnsTxtRecords(settings.dns_servers),
        ),
        purge_logins=PurgeLogins(expired=ExpiredLogins(resources.database)),
    )
    yield {
        "nudges": nudges.run,
        "relay": relay.run,
        "sweeper": Sweeper(resources.database).run,
        "purge": PurgeLoop(purge_expired=PurgeExpired(expired=expired)).run,
        "federation": federation.run,
    }


if __name__ == "__main__":
    run_worker(load_settings(Settings), loops)
