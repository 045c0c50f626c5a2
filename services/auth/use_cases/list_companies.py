"""The platform's companies, for the platform's own people."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller, Scope
from services.auth.models.tenants import Tenant
from services.auth.repositories.companies import Companies, CompanyFilter
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class WatchedCompany:
    """A company, with what auth itself can count of it."""

    tenant: Tenant
    users: int
    api_keys: int


@dataclass(frozen=True, kw_only=True)
class ListCompanies:
    """Return one page of all companies, newest first."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    companies: Companies

    async def __call__(
        self, wanted: CompanyFilter, *, page: int, per_page: int
    ) -> tuple[Sequence[WatchedCompany], int]:
        """Pages count from 1; whoever is not of the platform sees none."""
        if not self.caller.may(Scope.PLATFORM_ADMIN):
            return [], 0
        ids, total = await self.companies.page(wanted, page=page, per_page=per_page)
        found = [await watched(self.unit_of_work, company_id) for company_id in ids]
        return [company for company in found if company is not None], total


async def watched(open_uow: OpenUnitOfWork, company_id: UUID) -> WatchedCompany | None:
    """Read a company as that company; None when it is gone."""
    async with open_uow(company_id, read_only=True) as uow:
        tenant = await uow.tenant.get_in_any_state()
        if tenant is None:
            return None
        return WatchedCompany(
            tenant=tenant, users=await uow.users.count(), api_keys=await uow.api_keys.count()
        )
