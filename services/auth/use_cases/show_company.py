"""The caller's company."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.errors import CompanyNotFound
from services.auth.models.tenants import Tenant
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ShowCompany:
    """Return the caller's own company; any other is not found."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self, company_id: UUID | None = None) -> Tenant:
        if company_id not in (None, self.caller.tenant_id):
            raise CompanyNotFound
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            tenant = await uow.tenant.get()
        if tenant is None:
            raise CompanyNotFound
        return tenant
