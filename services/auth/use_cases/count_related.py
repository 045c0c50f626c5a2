"""What hangs on a company: what would go if it went."""

from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.company_figures import CompanyFigures
from services.auth.domain.errors import CompanyNotFound
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.list_companies import WatchedCompany, watched

RECENT_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class CountRelated:
    """Count a company's things: auth's own, and what analytics has heard of."""

    unit_of_work: OpenUnitOfWork
    figures: CompanyFigures

    async def __call__(self, company_id: UUID) -> tuple[WatchedCompany, dict[str, int]]:
        """Raises `CompanyNotFound`, or `Unavailable` while analytics is out of reach."""
        found = await watched(self.unit_of_work, company_id)
        if found is None:
            raise CompanyNotFound
        return found, await self.figures.of(company_id, days=RECENT_DAYS)
