"""Budgets."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, or_, select

from libs.common.database import TenantRepository
from services.agents.domain.budgets import BudgetRule
from services.agents.models import Budget


class BudgetRepository(TenantRepository[Budget]):
    """A tenant's budgets."""

    model = Budget

    async def of(self, agent_id: UUID | None) -> Sequence[Budget]:
        """Return an agent's own budgets, or the company's for None."""
        query = self.owned().where(Budget.agent_id.is_not_distinct_from(agent_id))
        return (await self.session.scalars(query.order_by(Budget.period, Budget.unit))).all()

    async def binding(self, agent_id: UUID) -> Sequence[Budget]:
        """Return all budgets that an agent has to keep: its own and the company's."""
        query = self.owned().where(or_(Budget.agent_id == agent_id, Budget.agent_id.is_(None)))
        return (await self.session.scalars(query.order_by(Budget.id))).all()

    async def replace(self, agent_id: UUID | None, rules: Sequence[BudgetRule]) -> None:
        """Make these the budgets of an agent, or of the company; two at a time come in turn."""
        key = f"budgets {self.tenant_id}"
        await self.session.execute(
            select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0)))
        )
        await self.session.execute(
            delete(Budget).where(
                Budget.tenant_id == self.tenant_id, Budget.agent_id.is_not_distinct_from(agent_id)
            )
        )
        for rule in rules:
            self.add(
                Budget(
                    agent_id=agent_id,
                    period=rule.period.value,
                    unit=rule.unit.value,
                    amount=rule.amount,
                    on_exhausted=rule.on_exhausted.value,
                )
            )
