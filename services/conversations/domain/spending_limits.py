"""Budgets: how much an answer may use up at most, and what an agent has left."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from services.conversations.domain.agents import BudgetRule, ChatModelSettings

Unit = Literal["tokens", "micros"]

# Running text has three to five bytes a token; hardly any text has less than two.
_LEAST_BYTES_PER_TOKEN: Final = 2
_TOKENS_PER_MESSAGE: Final = 16


@dataclass(frozen=True, slots=True)
class MostItTakes:
    """What one call of a model uses up at most."""

    tokens: int
    micros: int

    def of(self, unit: str) -> int:
        """Return the amount in a budget's unit."""
        return self.tokens if unit == "tokens" else self.micros


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetUse:
    """A budget of the running period, with what has gone of it.

    Args:
        rule: What is allowed.
        spent: By answers that are done.
        held: Put aside for answers in the making; what they do not use comes back.
    """

    rule: BudgetRule
    spent: int
    held: int


def most_it_takes(
    model: ChatModelSettings, prompts: Sequence[str], *, max_tokens: int
) -> MostItTakes:
    """Return what asking a model may use up, counted so that it is hardly ever more.

    Args:
        model: It has the prices.
        prompts: The messages' texts.
        max_tokens: What the answer is limited to.
    """
    into = sum(
        -(-len(text.encode("utf-8", "replace")) // _LEAST_BYTES_PER_TOKEN) + _TOKENS_PER_MESSAGE
        for text in prompts
    )
    micros = into * model.input_price_per_million + max_tokens * model.output_price_per_million
    return MostItTakes(tokens=into + max_tokens, micros=-int(-micros // 1))
