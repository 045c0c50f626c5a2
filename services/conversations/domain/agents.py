"""What an answer needs to know about its agent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from services.conversations.domain.behaviour import Behaviour
from services.conversations.domain.screening import Guardrails

_PLATFORM: Final = "knowrithm-local"
# As the local stack names it.
_SHIPPED_MODEL: Final = "local"
# How models that think have an answer's length limited; OpenAI's take no other.
MODERN_LIMIT: Final = "max_completion_tokens"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatModelSettings:
    """Where and how to reach an agent's chat model.

    Args:
        is_platforms: The base URL is the operator's own, which may be private.
        input_price_per_million: US dollars for a million tokens of prompt; 0 where unknown.
        output_price_per_million: US dollars for a million tokens of answer; 0 where unknown.
    """

    provider: str
    model: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)
    temperature: float | None = None
    max_tokens: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    is_platforms: bool = False
    input_price_per_million: float = 0.0
    output_price_per_million: float = 0.0

    @property
    def most_tokens(self) -> int | None:
        """How many tokens its settings allow an answer."""
        own = self.params.get(MODERN_LIMIT)
        return own if isinstance(own, int) and own > 0 else self.max_tokens

    @property
    def compact(self) -> bool:
        """Whether the model is the small one that ships with the platform.

        It needs a short prompt with examples. Any other model that an operator names, on whatever
        machine, does better with the full one.
        """
        return self.provider == _PLATFORM and self.model == _SHIPPED_MODEL


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRule:
    """What an agent, or all of its company's together, may use up in a period.

    Args:
        scope: `agent` or `company`.
        period: `day` or `month`, from midnight UTC.
        unit: `tokens`, or `micros`: millionths of a US dollar.
        on_exhausted: `quotes` or `refuse`.
    """

    scope: str
    period: str
    unit: str
    amount: int
    on_exhausted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """One version of an agent as far as answering goes; no chat model means extractive answers.

    Args:
        fallbacks: Chat models to ask in turn when `model` gives no first token.
        budgets: What it may spend, the company's budgets included.
        number: The version's; None where the agents service keeps none yet.
        candidate: Another version that answers some of the conversations.
        candidate_percent: How many of a hundred.
    """

    id: UUID
    name: str
    status: str
    instructions: str
    model: ChatModelSettings | None
    warnings: Sequence[str] = ()
    guardrails: Guardrails = field(default_factory=Guardrails)
    fallbacks: Sequence[ChatModelSettings] = ()
    behaviour: Behaviour = field(default_factory=Behaviour)
    budgets: Sequence[BudgetRule] = ()
    number: int | None = None
    candidate: "AgentProfile | None" = None
    candidate_percent: int = 0

    @property
    def models(self) -> Sequence[ChatModelSettings]:
        """The chat models in the order in which they are asked."""
        return (*((self.model,) if self.model is not None else ()), *self.fallbacks)

    @property
    def may_use_general_knowledge(self) -> bool:
        """Whether what the documents do not hold may come from the model itself.

        The small model that ships with the platform knows too little for that.
        """
        known = self.behaviour.general_knowledge and bool(self.models)
        return known and not any(model.compact for model in self.models)

    @property
    def wants_quotes(self) -> bool:
        """Whether some conversation may be answered in quotes, or with the help of some."""
        own = not self.models or self.models[0].compact
        return own or (self.candidate is not None and self.candidate.wants_quotes)

    def for_conversation(self, conversation_id: UUID) -> "AgentProfile":
        """Return the version that answers a conversation, the same one every time.

        It follows from the conversation and the candidate, so nothing is stored, and a larger share
        takes in more conversations and gives none back.
        """
        if self.candidate is None:
            return self
        lot = f"{conversation_id}:{self.candidate.number}".encode()
        drawn = int.from_bytes(blake2b(lot, digest_size=8).digest()) % 10_000
        if drawn >= self.candidate_percent * 100:
            return self
        # What the company has set holds for all versions.
        return replace(self.candidate, guardrails=self.guardrails)
