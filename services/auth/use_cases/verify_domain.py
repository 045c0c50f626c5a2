"""Looking for the record that proves a domain."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.email_domains import record_name, record_value
from services.auth.domain.federation_errors import DomainNotFound, DomainNotProven
from services.auth.domain.federation_ports import TxtRecords
from services.auth.models.email_domains import EmailDomain
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_admin import require_admin


@dataclass(frozen=True, kw_only=True)
class VerifyDomain:
    """Make a domain the company's when its TXT record is there and nobody else has it."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    records: TxtRecords
    clock: Clock = utc_now

    async def __call__(self, domain_id: UUID, *, address: str | None) -> EmailDomain:
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            claimed = await uow.email_domains.get(domain_id)
        if claimed is None:
            raise DomainNotFound
        # No connection is held while name servers are asked.
        found = await self.records.lookup(record_name(claimed.domain))
        if record_value(claimed.token) not in found:
            raise DomainNotProven(details={"records_found": len(found)})
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            domain = await uow.email_domains.locked(domain_id)
            if domain is None:
                raise DomainNotFound
            is_new = domain.proven_at is None
            await uow.email_domains.prove(domain, now=now)
            if is_new:
                await uow.audit.append(
                    AuditRecord(
                        event=AuditEvent.DOMAIN_PROVEN,
                        description=f"E-mail domain {domain.domain} proven.",
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
