"""The worker process: `python -m services.auth.worker`.

It sends mails, publishes auth's events, records other services' refusals, rotates the signing
key, seals addresses, signs the ends of the audit trails, looks at proven e-mail domains again and
throws away what has run out.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from pydantic import SecretStr

from libs.common.events.consumer import Consumer
from libs.common.events.relay import Relay
from libs.common.jobs.runner import JobRunner
from libs.common.jobs.sweeper import Sweeper
from libs.common.process import Loop, load_settings, run_worker
from libs.common.resources import Resources
from libs.common.security import SigningKey
from libs.common.telemetry.logging import get_logger
from libs.common.wake import Nudges
from services.auth.adapters.txt_records import DnsTxtRecords
from services.auth.repositories.audit_ends import AuditEnds
from services.auth.repositories.email_domains import DomainsDue
from services.auth.repositories.emails import Emails
from services.auth.repositories.expired import ExpiredSessions
from services.auth.repositories.federation import ExpiredLogins
from services.auth.repositories.plain_emails import PlainEmails
from services.auth.repositories.unit_of_work import AuthUnitOfWork
from services.auth.settings import Settings
from services.auth.use_cases.purge_expired import PurgeExpired
from services.auth.use_cases.purge_logins import PurgeLogins
from services.auth.use_cases.recheck_domains import RecheckDomains
from services.auth.use_cases.rotate_signing_key import RotateSigningKey
from services.auth.use_cases.seal_emails import SealEmails
from services.auth.use_cases.sign_audit_heads import SignAuditHeads
from services.auth.wiring.people import auth_settings, mail_jobs
from services.auth.workers import denials, handoffs
from services.auth.workers.audit_heads import AuditHeadLoop
from services.auth.workers.emails import EmailLoop
from services.auth.workers.federation import FederationLoop
from services.auth.workers.jobs import JobHandlers
from services.auth.workers.purge import PurgeLoop
from services.auth.workers.signing_keys import SigningKeyLoop

log = get_logger(__name__)


@asynccontextmanager
async def loops(resources: Resources) -> AsyncIterator[Mapping[str, Loop]]:
    """Put the worker together, from less than `wiring` knows: it hashes no passwords."""
    nudges = Nudges(resources.redis, resources.service)
    relay = Relay(resources.database, resources.redis, resources.service, nudge=nudges.events)
    expired = ExpiredSessions(resources.database)
    rotate = RotateSigningKey(database=resources.database, key_ring=resources.key_ring)
    settings = auth_settings(resources)
    emails = Emails(resources.database, resources.key_ring)
    jobs = JobHandlers(mails=mail_jobs(resources))
    runner = JobRunner(
        resources.database, resources.redis, resources.service, jobs.by_kind, nudge=nudges.jobs
    )

    def unit_of_work(tenant_id: UUID, *, read_only: bool = False) -> AuthUnitOfWork:
        return AuthUnitOfWork(resources.database, tenant_id, emails=emails, read_only=read_only)

    federation = FederationLoop(
        recheck_domains=RecheckDomains(
            unit_of_work=unit_of_work,
            due=DomainsDue(resources.database),
            records=DnsTxtRecords(settings.dns_servers),
        ),
        purge_logins=PurgeLogins(expired=ExpiredLogins(resources.database)),
    )
    named: dict[str, Loop] = {
        "nudges": nudges.run,
        "jobs": runner.run,
        "relay": relay.run,
        "events": Consumer(
            resources.redis,
            resources.database,
            resources.service,
            {**denials.HANDLERS, **handoffs.HANDLERS},
        ).run,
        "sweeper": Sweeper(resources.database).run,
        "signing-keys": SigningKeyLoop(
            rotate=rotate, every=timedelta(days=settings.signing_key_days)
        ).run,
        "purge": PurgeLoop(purge_expired=PurgeExpired(expired=expired)).run,
        "federation": federation.run,
        "emails": EmailLoop(
            seal=SealEmails(plain=PlainEmails(resources.database), emails=emails)
        ).run,
    }
    if settings.object_store_url is None:
        log.warning("audit_heads_unsigned", reason="OBJECT_STORE_URL is not set")
    else:
        named["audit-heads"] = _audit_heads(resources, settings.object_store_url)
    yield named


def _audit_heads(resources: Resources, store_url: SecretStr) -> Loop:
    # The object store's client costs 10 MB, which the HTTP process does without.
    from libs.common.objects import open_store  # noqa: PLC0415 - as said above
    from services.auth.adapters.audit_heads import SignedHeads  # noqa: PLC0415 - as said above

    heads = SignedHeads(
        open_store(store_url.get_secret_value()),
        key=SigningKey(resources.service, resources.settings.service_key_pem),
        jwks=json.loads(resources.settings.service_jwks_json),
    )
    return AuditHeadLoop(sign=SignAuditHeads(ends=AuditEnds(resources.database), heads=heads)).run


if __name__ == "__main__":
    run_worker(load_settings(Settings), loops)
