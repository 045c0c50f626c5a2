"""Report what a tenant used."""

from dataclasses import dataclass
from typing import Literal

from services.analytics.domain.periods import Period
from services.analytics.domain.reports import UsageReport
from services.analytics.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ReportUsage:
    """Sum up calls, tokens and storage in a period."""

    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, *, period: Period, step: Literal["hour", "day"] = "day"
    ) -> UsageReport:
        async with self.unit_of_work() as uow:
            return UsageReport(
                totals=await uow.reports.totals(),
                documents=await uow.reports.documents_by_state(),
                answers=await uow.reports.answers(period=period),
                calls=await uow.reports.calls(period),
                endpoints=await uow.reports.top_endpoints(period),
                call_trend=await uow.reports.call_trend(period, step=step),
                activity=await uow.reports.activity(period, step=step),
                period=period,
            )
