"""Show what an agent may still spend."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.conversations.domain.ports import Agents
from services.conversations.domain.spending_limits import BudgetUse
from services.conversations.repositories.budgets import BudgetStore


@dataclass(frozen=True, kw_only=True)
class ShowBudgets:
    """The budgets that bind an agent, the company's included, with what has gone of them."""

    agents: Agents
    budgets: BudgetStore

    async def __call__(self, tenant_id: UUID, agent_id: UUID) -> Sequence[BudgetUse]:
        """Raises `AgentNotFound`."""
        profile = await self.agents.profile(tenant_id, agent_id)
        return await self.budgets.uses(tenant_id, agent_id, profile.budgets)
