"""What a caller wants set or changed; a key that is absent stays as it is."""

from collections.abc import Mapping
from typing import Any, TypedDict
from uuid import UUID


class SettingsChange(TypedDict, total=False):
    """LLM settings as callers write them. Providers and models go by id or by name."""

    llm_provider: str
    llm_model: str
    llm_api_key: str | None
    llm_api_base_url: str | None
    llm_temperature: float
    llm_max_tokens: int
    llm_additional_params: Mapping[str, Any]
    embedding_provider: str
    embedding_model: str
    embedding_api_key: str | None
    embedding_api_base_url: str | None
    embedding_dimension: int
    embedding_additional_params: Mapping[str, Any]
    widget_script_url: str | None
    widget_config: Mapping[str, Any]
    is_default: bool
    is_active: bool


class AgentChange(TypedDict, total=False):
    """What can be set on an agent itself."""

    name: str
    description: str | None
    avatar_url: str | None
    status: str
    instructions: str | None
    llm_settings_id: UUID
    personality_traits: Mapping[str, Any]
    capabilities: list[Any]
    operating_hours: Mapping[str, Any]
    languages: list[Any]
    behaviour: Mapping[str, Any]
    fallback_settings_ids: list[UUID]


class ProviderChange(TypedDict, total=False):
    """What can be set on a provider."""

    name: str
    label: str
    description: str | None
    provider_type: str
    api_base_url: str | None
    requires_api_key: bool
    pricing: Mapping[str, Any]
    status: str


class ModelChange(TypedDict, total=False):
    """What can be set on a model; prices are per 1,000 tokens."""

    name: str
    display_name: str
    model_type: str
    provider_model_id: str
    context_window: int | None
    embedding_dimension: int | None
    input_price: float | None
    output_price: float | None
    currency: str
    features: Mapping[str, Any]
    status: str
