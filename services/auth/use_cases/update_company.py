"""The caller's company changes what it says about itself."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.accounts import clean_email
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound
from services.auth.models.tenants import Tenant
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.create_company import CompanyDetails


@dataclass(frozen=True, kw_only=True)
class UpdateCompany:
    """Change the caller's own company; any other is not found."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self, company_id: UUID, details: CompanyDetails, *, address: str | None
    ) -> Tenant:
        if company_id != self.caller.tenant_id:
            raise CompanyNotFound
        now = self.clock()
        changed = {name: value for name, value in vars(details).items() if value is not None}
        if details.email is not None:
            changed["email"] = clean_email(details.email)
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            tenant = await uow.tenant.get(locked=True)
            if tenant is None:
                raise CompanyNotFound
            before = {name: getattr(tenant, name) for name in changed}
            for name, value in changed.items():
                setattr(tenant, name, value)
            if changed:
                tenant.updated_at = now
                await uow.audit.append(
                    AuditRecord(
                        event=AuditEvent.COMPANY_UPDATED,
                        description="Company details changed.",
                        risk=Risk.MEDIUM,
                        actor_id=self.caller.user_id,
                        actor_role=self.caller.role,
                        entity_type="company",
                        entity_id=tenant.tenant_id,
                        address=address,
                        details={"before": before, "after": changed},
                    ),
                    now=now,
                )
        return tenant
