"""LLM settings: which models an agent should call, how, and with which keys."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from libs.common.ids import new_id
from services.agents.models.base import Base


class LlmSettings(TenantOwned, Timestamps, Base):
    """Settings for one agent (`agent_id`) or for the company's agents to share.

    Keys are encrypted; beside each stands the base URL it was saved with, since it is sent
    nowhere else, and a hint that people can tell keys apart by.
    """

    __tablename__ = "llm_settings"

    agent_id: Mapped[UUID | None] = mapped_column(default=None)

    llm_provider_id: Mapped[UUID]
    llm_model_id: Mapped[UUID]
    llm_api_key: Mapped[bytes | None] = mapped_column(default=None)
    llm_api_key_hint: Mapped[str | None] = mapped_column(default=None)
    llm_api_key_url: Mapped[str | None] = mapped_column(default=None)
    llm_api_base_url: Mapped[str | None] = mapped_column(default=None)
    llm_temperature: Mapped[float] = mapped_column(default=0.7)
    llm_max_tokens: Mapped[int] = mapped_column(default=1000)
    llm_additional_params: Mapped[dict[str, Any]] = mapped_column(default=dict)

    embedding_provider_id: Mapped[UUID]
    embedding_model_id: Mapped[UUID]
    embedding_api_key: Mapped[bytes | None] = mapped_column(default=None)
    embedding_api_key_hint: Mapped[str | None] = mapped_column(default=None)
    embedding_api_key_url: Mapped[str | None] = mapped_column(default=None)
    embedding_api_base_url: Mapped[str | None] = mapped_column(default=None)
    embedding_dimension: Mapped[int]
    embedding_additional_params: Mapped[dict[str, Any]] = mapped_column(default=dict)

    widget_script_url: Mapped[str | None] = mapped_column(default=None)
    widget_config: Mapped[dict[str, Any]] = mapped_column(default=dict)

    is_default: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)

    @classmethod
    def blank(cls, *, agent_id: UUID | None) -> "LlmSettings":
        """Make settings that still lack their four models."""
        return cls(
            id=new_id(),
            agent_id=agent_id,
            llm_temperature=0.7,
            llm_max_tokens=1000,
            llm_additional_params={},
            embedding_additional_params={},
            widget_config={},
            is_default=False,
            is_active=True,
            version=1,
        )

    def copy(self, *, agent_id: UUID) -> "LlmSettings":
        """Make settings like these for one agent; the keys, bound to their row, stay behind."""
        copy = LlmSettings.blank(agent_id=agent_id)
        for name in _COPIED:
            setattr(copy, name, getattr(self, name))
        return copy


_COPIED = (
    "llm_provider_id",
    "llm_model_id",
    "llm_api_key_hint",
    "llm_api_key_url",
    "llm_api_base_url",
    "llm_temperature",
    "llm_max_tokens",
    "llm_additional_params",
    "embedding_provider_id",
    "embedding_model_id",
    "embedding_api_key_hint",
    "embedding_api_key_url",
    "embedding_api_base_url",
    "embedding_dimension",
    "embedding_additional_params",
    "widget_script_url",
    "widget_config",
    "is_active",
)
