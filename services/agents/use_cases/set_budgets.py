"""Say what an agent, or the company, may spend on chat models."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.agents import BudgetsChanged
from services.agents.domain.budgets import BudgetRule
from services.agents.domain.errors import AgentNotFound
from services.agents.models import Budget
from services.agents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class Budgets:
    """Budgets as they are set; what is left of them is for conversations to tell."""

    unit_of_work: OpenUnitOfWork

    async def of(self, agent_id: UUID | None) -> Sequence[Budget]:
        """Return an agent's budgets, the company's for None; raises `AgentNotFound`."""
        async with self.unit_of_work() as uow:
            if agent_id is not None and await uow.agents.living(agent_id) is None:
                raise AgentNotFound
            return await uow.budgets.of(agent_id)

    async def set(self, agent_id: UUID | None, rules: Sequence[BudgetRule]) -> Sequence[Budget]:
        """Replace an agent's budgets, the company's for None; raises `AgentNotFound`."""
        async with self.unit_of_work() as uow:
            if agent_id is not None:
                agent = await uow.agents.locked(agent_id)
                if agent is None or agent.is_deleted:
                    raise AgentNotFound
            await uow.budgets.replace(agent_id, rules)
            uow.outbox.record(BudgetsChanged(agent_id=agent_id))
            await uow.session.flush()
            return await uow.budgets.of(agent_id)
