"""Kinds of provider and model, and how a platform chat model follows from the environment."""

from enum import StrEnum
from typing import Final

from services.agents.domain.profiles import LOCAL_PROVIDER, ModelCall

OPENAI_URL: Final = "https://api.openai.com/v1"
GEMINI_URL: Final = "https://generativelanguage.googleapis.com/v1beta/openai"
OPENAI_CHAT_MODEL: Final = "gpt-4o-mini"
GEMINI_CHAT_MODEL: Final = "gemini-2.5-flash"


class ModelType(StrEnum):
    """What a model does; a provider may offer both."""

    LLM = "llm"
    EMBEDDING = "embedding"
    BOTH = "both"

    @classmethod
    def _missing_(cls, value: object) -> "ModelType | None":
        aliases = {"chat": cls.LLM, "completion": cls.LLM, "embeddings": cls.EMBEDDING}
        return aliases.get(value.lower()) if isinstance(value, str) else None


class CatalogueStatus(StrEnum):
    """Whether a provider or model can be chosen anew."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    DEPRECATED = "deprecated"


def platform_chat_model(
    *, base_url: str | None, api_key: str | None, model: str | None, gemini_key: str | None
) -> ModelCall | None:
    """Return the operator's chat model; None when the environment names none."""
    if base_url or api_key:
        return ModelCall(
            provider=LOCAL_PROVIDER if base_url else "openai",
            model=model or OPENAI_CHAT_MODEL,
            base_url=(base_url or OPENAI_URL).rstrip("/"),
            api_key=api_key or None,
        )
    if gemini_key:
        return ModelCall(
            provider="gemini",
            model=model or GEMINI_CHAT_MODEL,
            base_url=GEMINI_URL,
            api_key=gemini_key,
        )
    return None
