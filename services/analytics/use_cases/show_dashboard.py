"""Show a tenant what it has and what happened lately."""

from dataclasses import dataclass
from datetime import datetime

from services.analytics.domain.periods import Period
from services.analytics.domain.reports import Dashboard
from services.analytics.repositories.unit_of_work import OpenUnitOfWork

RECENT_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class ShowDashboard:
    """Gather the totals and the last thirty days."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, *, now: datetime) -> Dashboard:
        recent = Period.last_days(RECENT_DAYS, now=now)
        async with self.unit_of_work() as uow:
            return Dashboard(
                totals=await uow.reports.totals(),
                documents=await uow.reports.documents_by_state(),
                answers=await uow.reports.answers(),
                activity=await uow.reports.activity(recent),
                uploads=await uow.reports.uploads(recent),
                top_agents=await uow.reports.top_agents(),
                top_conversations=await uow.reports.top_conversations(),
                generated_at=now,
            )
