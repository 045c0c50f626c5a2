"""LLM settings as clients send and read them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import Field

from services.agents.domain.changes import SettingsChange
from services.agents.domain.profiles import Choice
from services.agents.schemas.common import (
    Input,
    JsonObject,
    Output,
    Secret,
    ShortText,
    WebAddress,
)
from services.agents.use_cases.settings_views import SettingsView
from services.agents.use_cases.try_settings import SettingsTrial

_NULLABLE = frozenset(
    {
        "llm_api_key",
        "llm_api_base_url",
        "embedding_api_key",
        "embedding_api_base_url",
        "widget_script_url",
    }
)


class LlmFields(Input):
    """The fields of LLM settings, which may also stand in an agent's own body.

    Providers and models go by id or by name, in either field.
    """

    llm_provider: ShortText | None = Field(default=None, examples=["openai"])
    llm_provider_id: ShortText | None = None
    llm_model: ShortText | None = Field(default=None, examples=["gpt-4o-mini"])
    llm_model_id: ShortText | None = None
    llm_api_key: Secret | None = Field(default=None, description="Stored encrypted.")
    llm_api_base_url: WebAddress | None = None
    llm_temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    llm_max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    llm_additional_params: JsonObject | None = None
    embedding_provider: ShortText | None = Field(default=None, examples=["openai"])
    embedding_provider_id: ShortText | None = None
    embedding_model: ShortText | None = Field(default=None, examples=["text-embedding-3-large"])
    embedding_model_id: ShortText | None = None
    embedding_api_key: Secret | None = Field(default=None, description="Stored encrypted.")
    embedding_api_base_url: WebAddress | None = None
    embedding_dimension: Annotated[int, Field(ge=1, le=16_384)] | None = None
    embedding_additional_params: JsonObject | None = None
    widget_script_url: WebAddress | None = None
    widget_config: JsonObject | None = None
    is_default: bool | None = None
    is_active: bool | None = None

    def change(self, *, creating: bool = False) -> SettingsChange:
        """Return what was given; nulls clear what can be empty, and mean nothing elsewhere."""
        given = self.model_dump(include=set(LlmFields.model_fields), exclude_unset=True)
        for name in ("llm_provider", "llm_model", "embedding_provider", "embedding_model"):
            by_id = given.pop(f"{name}_id", None)
            if by_id is not None:
                given[name] = by_id
        kept = {
            name: value
            for name, value in given.items()
            if value is not None or (name in _NULLABLE and not creating)
        }
        return cast("SettingsChange", kept)


class SettingsIn(LlmFields):
    """New LLM settings: for an agent, or for the company when no agent is named."""

    agent_id: UUID | None = None
    company_id: UUID | None = None


class ChoiceOut(Output):
    """Which model is called in the end."""

    source: str = Field(description="`own`, `platform`, or `none`: answers are quotes.")
    provider: str | None
    model: str | None

    @classmethod
    def of(cls, choice: Choice) -> "ChoiceOut":
        """Show a choice."""
        return cls(source=choice.source, provider=choice.provider, model=choice.model)


class EffectiveOut(Output):
    """What the settings come to."""

    chat: ChoiceOut
    embedding: ChoiceOut


class SettingsOut(Output):
    """LLM settings; of a key at most the last four characters."""

    id: UUID
    company_id: UUID
    agent_id: UUID | None
    provider: str
    model: str
    llm_provider_id: UUID
    llm_provider: str
    llm_provider_label: str
    llm_model_id: UUID
    llm_model: str
    llm_model_name: str
    llm_api_key: str | None = Field(description="Redacted.")
    llm_api_base_url: str | None
    llm_temperature: float
    llm_max_tokens: int
    llm_additional_params: dict[str, Any]
    embedding_provider_id: UUID
    embedding_provider: str
    embedding_provider_label: str
    embedding_model_id: UUID
    embedding_model: str
    embedding_model_name: str
    embedding_api_key: str | None = Field(description="Redacted.")
    embedding_api_base_url: str | None
    embedding_dimension: int
    embedding_additional_params: dict[str, Any]
    widget_script_url: str | None
    widget_config: dict[str, Any]
    is_default: bool
    is_active: bool
    version: int
    effective: EffectiveOut
    warnings: list[str]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, view: SettingsView) -> "SettingsOut":
        """Show settings."""
        return cls(**settings_fields(view))


def settings_fields(view: SettingsView) -> dict[str, Any]:
    """Return the fields of `SettingsOut`."""
    row = view.settings
    return {
        "id": row.id,
        "company_id": row.tenant_id,
        "agent_id": row.agent_id,
        "provider": view.llm_provider.label,
        "model": view.llm_model.name,
        "llm_provider_id": row.llm_provider_id,
        "llm_provider": view.llm_provider.name,
        "llm_provider_label": view.llm_provider.label,
        "llm_model_id": row.llm_model_id,
        "llm_model": view.llm_model.name,
        "llm_model_name": view.llm_model.name,
        "llm_api_key": row.llm_api_key_hint,
        "llm_api_base_url": row.llm_api_base_url,
        "llm_temperature": row.llm_temperature,
        "llm_max_tokens": row.llm_max_tokens,
        "llm_additional_params": row.llm_additional_params,
        "embedding_provider_id": row.embedding_provider_id,
        "embedding_provider": view.embedding_provider.name,
        "embedding_provider_label": view.embedding_provider.label,
        "embedding_model_id": row.embedding_model_id,
        "embedding_model": view.embedding_model.name,
        "embedding_model_name": view.embedding_model.name,
        "embedding_api_key": row.embedding_api_key_hint,
        "embedding_api_base_url": row.embedding_api_base_url,
        "embedding_dimension": row.embedding_dimension,
        "embedding_additional_params": row.embedding_additional_params,
        "widget_script_url": row.widget_script_url,
        "widget_config": row.widget_config,
        "is_default": row.is_default,
        "is_active": row.is_active,
        "version": row.version,
        "effective": EffectiveOut(
            chat=ChoiceOut.of(view.chat), embedding=ChoiceOut.of(view.embedding)
        ),
        "warnings": view.warnings,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


class SettingsReply(Output):
    """Settings after a change."""

    message: str
    id: UUID
    settings: SettingsOut
    warnings: list[str]

    @classmethod
    def of(cls, view: SettingsView, *, message: str) -> "SettingsReply":
        """Show settings after a change."""
        return cls(
            message=message,
            id=view.settings.id,
            settings=SettingsOut.of(view),
            warnings=view.warnings,
        )


class SettingsDetail(SettingsOut):
    """One record, flat, and again under its resource's name."""

    settings: SettingsOut

    @classmethod
    def of(cls, view: SettingsView) -> "SettingsDetail":
        """Show one record."""
        return cls(**settings_fields(view), settings=SettingsOut.of(view))


class SettingsList(Output):
    """Records, under both names that clients look for."""

    settings: list[SettingsOut]
    data: list[SettingsOut]
    total: int

    @classmethod
    def of(cls, views: Sequence[SettingsView]) -> "SettingsList":
        """Show records."""
        shown = [SettingsOut.of(view) for view in views]
        return cls(settings=shown, data=shown, total=len(shown))


class AgentSettingsOut(SettingsOut):
    """The settings an agent uses, flat, and all that were made for it."""

    settings: list[SettingsOut]
    data: list[SettingsOut]
    total: int

    @classmethod
    def of_agent(cls, current: SettingsView, views: Sequence[SettingsView]) -> "AgentSettingsOut":
        """Show them."""
        shown = [SettingsOut.of(view) for view in views]
        return cls(**settings_fields(current), settings=shown, data=shown, total=len(shown))


class TrialOut(Output):
    """How a live test went; one that failed is answered with an error."""

    status: str
    success: bool
    mode: str = Field(description="`generated`, or `extractive` when there is no chat model.")
    response: str | None
    latency_ms: float
    provider: str | None
    model: str | None
    settings_id: UUID
    test_result: dict[str, Any]
    warnings: list[str]

    @classmethod
    def of(cls, trial: SettingsTrial) -> "TrialOut":
        """Show a test that went well."""
        result = trial.result
        facts: dict[str, Any] = {
            "status": "success",
            "response": None if result is None else result.response,
            "latency_ms": 0.0 if result is None else result.latency_ms,
        }
        return cls(
            **facts,
            success=True,
            mode="extractive" if result is None else "generated",
            provider=None if trial.call is None else trial.call.provider,
            model=None if trial.call is None else trial.call.model,
            settings_id=trial.view.settings.id,
            test_result=facts,
            warnings=trial.view.warnings,
        )
