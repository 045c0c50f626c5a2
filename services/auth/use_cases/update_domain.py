"""Whether people of a proven domain may register by themselves."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.federation_errors import DomainNotFound
from services.auth.models.email_domains import EmailDomain
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin


@dataclass(frozen=True, kw_only=True)
class UpdateDomain:
    """Open or close registration for a domain; it has an effect once the domain is proven."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self, domain_id: UUID, *, admits_registration: bool, address: str | None
    ) -> EmailDomain:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            domain = await uow.email_domains.locked(domain_id)
            if domain is None:
                raise DomainNotFound
            if domain.admits_registration != admits_registration:
                domain.admits_registration = admits_registration
                opened = "opened" if admits_registration else "closed"
                await uow.audit.append(
                    AuditRecord(
                        event=AuditEvent.DOMAIN_CHANGED,
                        description=f"Registration {opened} for {domain.domain}.",
                        risk=Risk.MEDIUM,
                        actor_id=self.caller.user_id,
                        actor_role=self.caller.role,
                        entity_type="email_domain",
                        entity_id=domain.id,
                        address=address,
                    ),
                    now=now,
                )
        return domain
