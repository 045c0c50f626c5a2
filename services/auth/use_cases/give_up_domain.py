"""A company gives a domain up."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.federation_errors import DomainInUse, DomainNotFound
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin


@dataclass(frozen=True, kw_only=True)
class GiveUpDomain:
    """Forget a domain, so that another company may prove it."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, domain_id: UUID, *, address: str | None) -> None:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            domain = await uow.email_domains.locked(domain_id)
            if domain is None:
                raise DomainNotFound
            if await uow.sso.uses_domain(domain.domain):
                raise DomainInUse
            await uow.email_domains.remove(domain)
            revoked = await uow.invitations.revoke_of_domain(domain.domain, now=now)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.DOMAIN_GIVEN_UP,
                    description=f"E-mail domain {domain.domain} given up.",
                    risk=Risk.MEDIUM,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="email_domain",
                    entity_id=domain.id,
                    address=address,
                    details={"invitations_revoked": revoked},
                ),
                now=now,
            )
