"""Export a tenant's records."""

from dataclasses import dataclass

from services.analytics.domain.periods import Period
from services.analytics.domain.reports import Export
from services.analytics.repositories.reports import ExportKind
from services.analytics.repositories.unit_of_work import OpenUnitOfWork

MAX_RECORDS = 50_000


@dataclass(frozen=True, kw_only=True)
class ExportRecords:
    """List the records of one kind in a period, at most 50,000 of them."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, kind: ExportKind, *, period: Period) -> Export:
        async with self.unit_of_work() as uow:
            # One more than is given out tells whether there are more.
            records = await uow.reports.export(kind, period, limit=MAX_RECORDS + 1)
        return Export(
            kind=kind,
            records=records[:MAX_RECORDS],
            complete=len(records) <= MAX_RECORDS,
            period=period,
        )
