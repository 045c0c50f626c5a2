"""Analytics put together: use cases with the tenant they report on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database
from libs.common.events.consumer import Consumer
from libs.common.events.delivery import Handlers
from libs.common.resources import Resources
from services.analytics.repositories.unit_of_work import AnalyticsUnitOfWork
from services.analytics.use_cases.count_company import CountCompany
from services.analytics.use_cases.export_records import ExportRecords
from services.analytics.use_cases.report_agent import ReportAgent
from services.analytics.use_cases.report_conversation import ReportConversation
from services.analytics.use_cases.report_usage import ReportUsage
from services.analytics.use_cases.show_dashboard import ShowDashboard


@dataclass(frozen=True)
class UseCases:
    """What can be asked about one tenant; all of it reads only."""

    database: Database
    tenant_id: UUID

    def unit_of_work(self) -> AnalyticsUnitOfWork:
        """Open a transaction that a replica may serve."""
        return AnalyticsUnitOfWork(self.database, self.tenant_id, read_only=True)

    @property
    def show_dashboard(self) -> ShowDashboard:
        """Totals and the last thirty days."""
        return ShowDashboard(unit_of_work=self.unit_of_work)

    @property
    def count_company(self) -> CountCompany:
        """A handful of numbers, for auth."""
        return CountCompany(unit_of_work=self.unit_of_work)

    @property
    def report_agent(self) -> ReportAgent:
        """One agent in a period."""
        return ReportAgent(unit_of_work=self.unit_of_work)

    @property
    def report_conversation(self) -> ReportConversation:
        """One conversation."""
        return ReportConversation(unit_of_work=self.unit_of_work)

    @property
    def report_usage(self) -> ReportUsage:
        """Calls, tokens and storage in a period."""
        return ReportUsage(unit_of_work=self.unit_of_work)

    @property
    def export_records(self) -> ExportRecords:
        """The records themselves."""
        return ExportRecords(unit_of_work=self.unit_of_work)


@dataclass(frozen=True)
class Wiring:
    """Everything that lives as long as the process."""

    database: Database

    def for_tenant(self, tenant_id: UUID) -> UseCases:
        """Return the use cases of one tenant."""
        return UseCases(self.database, tenant_id)


@asynccontextmanager
async def wire(resources: Resources) -> AsyncIterator[Wiring]:
    """Put the HTTP process together."""
    yield Wiring(resources.database)


def fact_consumer(resources: Resources, handlers: Handlers) -> Consumer:
    """Return the consumer of every event that leaves a trace here."""
    return Consumer(resources.redis, resources.database, resources.service, handlers)
