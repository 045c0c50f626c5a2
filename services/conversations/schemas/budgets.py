"""Budgets with what has gone of them."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, Field

from services.conversations.domain.spending_limits import BudgetUse


class BudgetUseOut(BaseModel):
    """One budget in its running period; amounts are tokens or US dollars, as `unit` says."""

    scope: str = Field(description="`agent`, or `company`: all its agents together.")
    period: str = Field(description="`day` or `month`, from midnight UTC.")
    unit: str = Field(description="`tokens` or `usd`.")
    amount: float
    spent: float
    held: float = Field(description="Put aside for answers in the making.")
    left: float
    on_exhausted: str

    @classmethod
    def of(cls, use: BudgetUse) -> "BudgetUseOut":
        """Show one."""
        rule = use.rule
        share = 1 if rule.unit == "tokens" else 1_000_000
        return cls(
            scope=rule.scope,
            period=rule.period,
            unit="tokens" if rule.unit == "tokens" else "usd",
            amount=rule.amount / share,
            spent=use.spent / share,
            held=use.held / share,
            left=max(0, rule.amount - use.spent - use.held) / share,
            on_exhausted=rule.on_exhausted,
        )


class BudgetUsesOut(BaseModel):
    """All budgets that bind an agent."""

    agent_id: UUID
    budgets: list[BudgetUseOut]

    @classmethod
    def of(cls, agent_id: UUID, uses: Sequence[BudgetUse]) -> "BudgetUsesOut":
        """Show them."""
        return cls(agent_id=agent_id, budgets=[BudgetUseOut.of(use) for use in uses])
