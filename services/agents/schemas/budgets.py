"""Budgets as clients send and read them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, model_validator

from services.agents.domain.budgets import BudgetRule, OnExhausted, Period, Unit
from services.agents.models import Budget
from services.agents.schemas.common import Input, Output

_MICROS: Final = 1_000_000


class BudgetIn(Input):
    """One budget: so many tokens, or so many US dollars, a day or a month (UTC)."""

    period: Period
    tokens: Annotated[int, Field(ge=0, le=10**15)] | None = None
    usd: Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=6)] | None = None
    on_exhausted: OnExhausted = Field(
        default=OnExhausted.QUOTES,
        description="`quotes`: answers consist of quotes, and say why. `refuse`: an error says so.",
    )

    @model_validator(mode="after")
    def _one_amount(self) -> "BudgetIn":
        if (self.tokens is None) == (self.usd is None):
            raise ValueError("give either tokens or usd")
        return self

    def rule(self, scope: str) -> BudgetRule:
        """Return it as the rules understand it."""
        micros = int(self.usd * _MICROS) if self.usd is not None else 0
        return BudgetRule(
            scope=scope,
            period=self.period,
            unit=Unit.TOKENS if self.tokens is not None else Unit.MICROS,
            amount=self.tokens if self.tokens is not None else micros,
            on_exhausted=self.on_exhausted,
        )


class BudgetsIn(Input):
    """All budgets of an agent, or of the company; an empty list lifts them."""

    budgets: Annotated[list[BudgetIn], Field(max_length=4)]

    @model_validator(mode="after")
    def _each_once(self) -> "BudgetsIn":
        kinds = [(one.period, one.tokens is None) for one in self.budgets]
        if len(set(kinds)) < len(kinds):
            raise ValueError("each period has at most one budget of tokens and one of dollars")
        return self


class BudgetOut(Output):
    """One budget."""

    period: str
    tokens: int | None
    usd: float | None
    on_exhausted: str


class BudgetsOut(Output):
    """The budgets of an agent, or of the company where there is no `agent_id`."""

    agent_id: UUID | None
    budgets: list[BudgetOut]

    @classmethod
    def of(cls, agent_id: UUID | None, rows: Sequence[Budget]) -> "BudgetsOut":
        """Show them."""
        return cls(
            agent_id=agent_id,
            budgets=[
                BudgetOut(
                    period=row.period,
                    tokens=row.amount if row.unit == Unit.TOKENS else None,
                    usd=row.amount / _MICROS if row.unit == Unit.MICROS else None,
                    on_exhausted=row.on_exhausted,
                )
                for row in rows
            ],
        )
