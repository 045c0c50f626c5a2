"""One tenant's transaction over the facts and the reports."""

from functools import cached_property
from typing import Protocol

from libs.common.unit_of_work import UnitOfWork
from services.analytics.repositories.reports import ReportRepository


class AnalyticsUnitOfWork(UnitOfWork):
    """Reads are its business: what is written comes from events, in the consumer's transaction."""

    @cached_property
    def reports(self) -> ReportRepository:
        """The tenant's sums."""
        return ReportRepository(self.session, self.tenant_id)


class OpenUnitOfWork(Protocol):
    """Opens a read-only unit of work of the tenant at hand; a replica may serve it."""

    def __call__(self) -> AnalyticsUnitOfWork:
        """Return one that has not begun yet."""
        ...
