"""A company says that an e-mail domain is its own."""

from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.email_domains import MAX_DOMAINS_PER_TENANT, clean_domain
from services.auth.domain.federation_errors import TooManyOfThem
from services.auth.models.email_domains import EmailDomain
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin


@dataclass(frozen=True, kw_only=True)
class ClaimDomain:
    """Note a claim, and make the record that will prove it."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, text: str, *, address: str | None) -> EmailDomain:
        now = self.clock()
        domain = EmailDomain.claimed(clean_domain(text), now=now)
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            if await uow.email_domains.count() >= MAX_DOMAINS_PER_TENANT:
                raise TooManyOfThem
            await uow.email_domains.claim(domain)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.DOMAIN_CLAIMED,
                    description=f"E-mail domain {domain.domain} claimed.",
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="email_domain",
                    entity_id=domain.id,
                    address=address,
                ),
                now=now,
            )
        return domain
