"""A company before anybody is in it."""

from dataclasses import dataclass

from libs.common.events.catalogue.auth import TenantCreated
from services.auth.domain.accounts import clean_email
from services.auth.domain.audit import AuditEvent, AuditRecord
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
        async with self.unit_of_work(tenant.tenant_id) as uow:
            uow.tenant.add(tenant)
            uow.outbox.record(TenantCreated(), aggregate_id=tenant.tenant_id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.COMPANY_CREATED,
                    description="Company created, without users so far.",
                    entity_type="company",
                    entity_id=tenant.tenant_id,
                    address=address,
                ),
                now=now,
            )
        return tenant
