"""Proven domains are looked at again, as companies sell and lose theirs."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.telemetry.logging import get_logger
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.email_domains import (
    FAILED_CHECKS_ALLOWED,
    RECHECK_AFTER,
    record_name,
    record_value,
)
from services.auth.domain.federation_errors import DnsUnavailable
from services.auth.domain.federation_ports import TxtRecords
from services.auth.repositories.email_domains import DomainsDue
from services.auth.repositories.unit_of_work import OpenUnitOfWork

log = get_logger(__name__)

_BATCH = 100


@dataclass(frozen=True, kw_only=True)
class RecheckDomains:
    """Check each proven domain once a day; one whose record stays away is proven no more.

    Name servers that do not answer say nothing: the domain keeps its state.
    """

    unit_of_work: OpenUnitOfWork
    due: DomainsDue
    records: TxtRecords
    clock: Clock = utc_now

    async def __call__(self) -> int:
        """Check one batch; return how many domains are proven no more."""
        now = self.clock()
        lapsed = 0
        for tenant_id, domain_id in await self.due.since(now - RECHECK_AFTER, limit=_BATCH):
            lapsed += await self._check(tenant_id, domain_id, now=now)
        return lapsed

    async def _check(self, tenant_id: UUID, domain_id: UUID, *, now: datetime) -> bool:
        async with self.unit_of_work(tenant_id) as uow:
            known = await uow.email_domains.get(domain_id)
        if known is None:
            return False
        found: bool | None
        try:
            found = record_value(known.token) in await self.records.lookup(
                record_name(known.domain)
            )
        except DnsUnavailable:
            found = None
        async with self.unit_of_work(tenant_id) as uow:
            domain = await uow.email_domains.locked(domain_id)
            # Another replica, or the admin, may have looked in the meantime.
            if domain is None or domain.proven_at is None or domain.checked_at != known.checked_at:
                return False
            domain.checked_at = now
            if found is not None:
                domain.failed_checks = 0 if found else domain.failed_checks + 1
            if domain.failed_checks < FAILED_CHECKS_ALLOWED:
                return False
            domain.proven_at = None
            domain.failed_checks = 0
            revoked = await uow.invitations.revoke_of_domain(domain.domain, now=now)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.DOMAIN_LAPSED,
                    description=f"The record of {domain.domain} is gone: proven no more.",
                    risk=Risk.HIGH,
                    entity_type="email_domain",
                    entity_id=domain.id,
                    details={"invitations_revoked": revoked},
                ),
                now=now,
            )
        log.warning("email_domain_lapsed", domain_id=str(domain_id))
        return True
