"""What an answer needs to know about its agent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

_PLATFORM: Final = "knowrithm-local"
# As the local stack names it.
_SHIPPED_MODEL: Final = "local"


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
    def compact(self) -> bool:
        """Whether the model is the small one that ships with the platform.

        It needs a short prompt with examples. Any other model that an operator names, on whatever
        machine, does better with the full one.
        """
        return self.provider == _PLATFORM and self.model == _SHIPPED_MODEL


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """One version of an agent as far as answering goes; no chat model means extractive answers.

    Args:
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
    number: int | None = None
    candidate: "AgentProfile | None" = None
    candidate_percent: int = 0

    @property
    def wants_quotes(self) -> bool:
        """Whether some conversation may be answered in quotes, or with the help of some."""
        own = self.model is None or self.model.compact
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
        return self.candidate if drawn < self.candidate_percent * 100 else self
