"""Which models an agent really calls.

A tenant's settings are wishes: they may name a provider without a key. What is called then is the
platform's own model, where there is one, and the agent says so. `conversations` and `documents`
read the outcome and need no rules of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Literal
from uuid import UUID

from services.agents.domain.budgets import BudgetRule
from services.agents.domain.errors import ReservedParameter, UnsupportedDimension
from services.agents.domain.guardrails import Guardrails
from services.agents.domain.model_urls import same_endpoint
from services.agents.domain.operating_hours import WeeklyHours

LOCAL_PROVIDER: Final = "knowrithm-local"
REDACTED: Final = "••••"

# The lengths of vector for which `documents` has tables (DESIGN §5.5).
EMBEDDING_DIMENSIONS: Final = (384, 512, 768, 1024, 1536, 3072)

# What the platform sets in a model call itself, or where secrets would be kept in the clear.
RESERVED_PARAMETERS: Final = frozenset(
    {
        "api_key",
        "apikey",
        "authorization",
        "base_url",
        "extra_body",
        "extra_headers",
        "extra_query",
        "headers",
        "input",
        "messages",
        "model",
        "n",
        "secret",
        "stream",
        "stream_options",
        "timeout",
        "token",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model as the settings wish it.

    Args:
        kind: `llm` or `embedding`, as the names of its fields begin.
        provider: The provider's short name, such as `openai`.
        provider_label: The provider's name for people.
        model: What the provider calls the model.
        base_url: OpenAI-compatible, the tenant's or the provider's usual one; None for the
            platform's own provider, and where the tenant still has to give one.
        has_key: The tenant gave a key.
        key_url: The base URL that the key was saved with, the only one it is sent to.
        requires_key: The provider answers nobody without a key.
    """

    kind: Literal["llm", "embedding"]
    provider: str
    provider_label: str
    model: str
    base_url: str | None
    has_key: bool = False
    key_url: str | None = None
    requires_key: bool = True

    @property
    def is_local(self) -> bool:
        """The platform's own models were chosen."""
        return self.provider == LOCAL_PROVIDER

    @property
    def may_use_key(self) -> bool:
        """There is a key, and the call goes where it was given for."""
        return self.has_key and same_endpoint(self.key_url, self.base_url)

    @property
    def lack(self) -> str | None:
        """What keeps the model from being called; None when nothing does."""
        if self.base_url is None:
            return f"{self.provider_label} has no {self.kind}_api_base_url"
        if self.has_key and not self.may_use_key:
            return f"The {self.provider_label} key was saved for another base URL"
        if self.requires_key and not self.has_key:
            return f"There is no {self.kind}_api_key for {self.provider_label}"
        return None


class Source(StrEnum):
    """Whose model is called."""

    OWN = "own"
    PLATFORM = "platform"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The model that is called in the end, and what people should know about it."""

    source: Source
    provider: str | None
    model: str | None
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """A model that can be called as it stands."""

    provider: str
    model: str
    base_url: str
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatCall(ModelCall):
    """A chat model, with how it is to answer.

    Args:
        is_platforms: The base URL is the operator's own, which may be private.
        input_price_per_million: US dollars for a million tokens of prompt; 0 where unknown.
        output_price_per_million: US dollars for a million tokens of answer; 0 where unknown.
    """

    temperature: float
    max_tokens: int
    params: Mapping[str, object]
    is_platforms: bool = False
    input_price_per_million: float = 0.0
    output_price_per_million: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingCall(ModelCall):
    """An embedding model, with the length of its vectors."""

    dimension: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentProfile:
    """All that other services need to answer for an agent.

    Args:
        version: Grows with every change of the agent, going back included.
        number: The version that is live, or shares its conversations; None before there are any.
        fallbacks: Chat models to ask in turn when `llm` does not answer.
        behaviour: As `schemas/behaviour.py` describes it, with `tone` also from the traits.
        hours: When the agent's people are there; None for always.
        budgets: What it may spend, the company's budgets included.
        split: Who else answers, and how much. Documents are searched by the live version's
            embeddings in any case.
    """

    id: UUID
    tenant_id: UUID
    name: str
    description: str | None
    status: str
    version: int
    instructions: str | None
    llm: ChatCall | None
    embedding: EmbeddingCall | None
    warnings: tuple[str, ...] = ()
    guardrails: Guardrails = field(default_factory=Guardrails)
    number: int | None = None
    split: "Split | None" = None
    fallbacks: tuple[ChatCall, ...] = ()
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    hours: WeeklyHours | None = None
    budgets: tuple[BudgetRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Another version that answers a share of an agent's conversations, in percent."""

    percent: int
    profile: AgentProfile


def choose_chat(wish: Endpoint | None, platform: ModelCall | None) -> Choice:
    """Choose the chat model; no wish means the platform's own."""
    quotes = "the agent answers with quotes from its documents"
    if wish is not None and not wish.is_local:
        if wish.lack is None:
            return Choice(source=Source.OWN, provider=wish.provider, model=wish.model)
        if platform is None:
            return _none(f"{wish.lack}, so {quotes}.")
        return _platform(
            platform, f"{wish.lack}, so the agent uses the platform's chat model {platform.model}."
        )
    if platform is None:
        return _none(f"The platform has no chat model, so {quotes}.")
    return _platform(platform, None)


def choose_embedding(wish: Endpoint | None, *, dimension: int) -> Choice:
    """Choose the embedding model; no wish means the platform's own.

    Raises:
        UnsupportedDimension: The model can be called, and no table holds its vectors.
    """
    own = Choice(source=Source.PLATFORM, provider=LOCAL_PROVIDER, model=None)
    if wish is None or wish.is_local:
        return own
    if wish.lack is not None:
        return replace(own, warning=f"{wish.lack}, so the agent uses the platform's embeddings.")
    if dimension not in EMBEDDING_DIMENSIONS:
        known = ", ".join(map(str, EMBEDDING_DIMENSIONS))
        raise UnsupportedDimension(
            f"Vectors of {dimension} dimensions are not supported; choose one of {known}.",
            details={"field": "embedding_dimension", "available": list(EMBEDDING_DIMENSIONS)},
        )
    return Choice(source=Source.OWN, provider=wish.provider, model=wish.model)


def _platform(call: ModelCall, warning: str | None) -> Choice:
    return Choice(source=Source.PLATFORM, provider=call.provider, model=call.model, warning=warning)


def _none(warning: str) -> Choice:
    return Choice(source=Source.NONE, provider=None, model=None, warning=warning)


def check_parameters(params: Mapping[str, object], *, field_name: str) -> None:
    """Refuse additional parameters that carry secrets or that the platform sets itself.

    Raises:
        ReservedParameter: Names the parameter.
    """
    for name in params:
        if name.lower().replace("-", "_") in RESERVED_PARAMETERS:
            raise ReservedParameter(
                f"{field_name} may not contain {name!r}. Keys and base URLs have their own fields.",
                details={"field": field_name, "parameter": name},
            )


def redact(secret: str) -> str:
    """Show which secret it is, and no more: its last four characters if it is long."""
    return f"{REDACTED}{secret[-4:]}" if len(secret) >= 16 else REDACTED


def is_redacted(text: str) -> bool:
    """Say whether a client sent back what `redact` made, which changes nothing."""
    return text.startswith(REDACTED)
