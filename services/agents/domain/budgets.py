"""What a budget is about."""

from dataclasses import dataclass
from enum import StrEnum


class Period(StrEnum):
    """For how long an amount is meant; days and months begin at midnight UTC."""

    DAY = "day"
    MONTH = "month"


class Unit(StrEnum):
    """What is counted: prompt and answer tokens, or millionths of a US dollar."""

    TOKENS = "tokens"
    MICROS = "micros"


class OnExhausted(StrEnum):
    """What people get once a budget is used up."""

    QUOTES = "quotes"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRule:
    """One budget as it is set, and as other services are told of it.

    Args:
        scope: `agent`, or `company` for what all its agents spend together.
        amount: Tokens, or millionths of a US dollar.
    """

    scope: str
    period: Period
    unit: Unit
    amount: int
    on_exhausted: OnExhausted
