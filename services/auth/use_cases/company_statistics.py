"""How a company's leads and conversations do."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.company_figures import CompanyFigures
from services.auth.domain.errors import CompanyNotFound
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.reach_company import reach


@dataclass(frozen=True, kw_only=True)
class CompanyStatistics:
    """Return what analytics counts of some days: the caller's company's, or any for super admins.

    What it returns has the names of `CompanyFigures`.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    figures: CompanyFigures

    async def __call__(self, company_id: UUID | None = None, *, days: int) -> dict[str, int]:
        """Raises `CompanyNotFound`, or `Unavailable` while analytics is out of reach."""
        wanted = company_id or self.caller.tenant_id
        reach(self.caller, wanted)
        async with self.unit_of_work(wanted, read_only=True) as uow:
            if await uow.tenant.get() is None:
                raise CompanyNotFound
        return await self.figures.of(wanted, days=days)
