"""A company before anybody is in it."""

from dataclasses import dataclass

from libs.common.events.catalogue.auth import TenantCreated
from libs.common.security import Caller
from services.auth.domain.accounts import clean_email
from services.auth.domain.audit import AuditEvent, AuditRecord, seen_by_company
from services.auth.domain.clock import Clock, utc_now
from services.auth.models.tenants import Tenant
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class CompanyDetails:
    """What a company says about itself; None leaves a field as it is."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None
    website: str | None = None
    industry: str | None = None


@dataclass(frozen=True, kw_only=True)
class CreateCompany:
    """Make a company without users; whoever registers with its id first becomes its admin."""

    unit_of_work: OpenUnitOfWork
    caller: Caller | None = None
    """A super admin, who does it for somebody else; None for anybody."""
    clock: Clock = utc_now

    async def __call__(self, details: CompanyDetails, *, address: str | None) -> Tenant:
        now = self.clock()
        tenant = Tenant.founded(
            name=details.name or "",
            email=clean_email(details.email) if details.email else None,
            phone=details.phone,
            website=details.website,
            industry=details.industry,
            now=now,
        )
        record = AuditRecord(
            event=AuditEvent.COMPANY_CREATED,
            description="Company created, without users so far.",
            actor_id=self.caller.user_id if self.caller else None,
            actor_role=self.caller.role if self.caller else None,
            entity_type="company",
            entity_id=tenant.tenant_id,
            address=address,
        )
        if self.caller is not None:
            async with self.unit_of_work(self.caller.tenant_id) as uow:
                await uow.audit.append(record, now=now)
            record = seen_by_company(record)
        async with self.unit_of_work(tenant.tenant_id) as uow:
            uow.tenant.add(tenant)
            uow.outbox.record(TenantCreated(), aggregate_id=tenant.tenant_id)
            await uow.audit.append(record, now=now)
        return tenant
