"""Report on one agent."""

from dataclasses import dataclass
from uuid import UUID

from services.analytics.domain.errors import AgentNotFound
from services.analytics.domain.periods import Period
from services.analytics.domain.reports import AgentReport
from services.analytics.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ReportAgent:
    """Sum up an agent's answers in a period.

    Raises:
        AgentNotFound: Nothing was heard of it in this tenant.
    """

    unit_of_work: OpenUnitOfWork

    async def __call__(self, agent_id: UUID, *, period: Period) -> AgentReport:
        async with self.unit_of_work() as uow:
            agent = await uow.reports.agent(agent_id)
            if agent is None:
                raise AgentNotFound
            return AgentReport(
                agent=agent,
                answers=await uow.reports.answers(
                    period=period, subject="agent_id", subject_id=agent_id
                ),
                activity=await uow.reports.activity(
                    period, subject="agent_id", subject_id=agent_id
                ),
                period=period,
            )
