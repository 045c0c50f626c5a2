"""Agents: who answers, in whose name and manner."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from libs.common.ids import new_id
from services.agents.domain.agents import Status
from services.agents.models.base import Base

NAME_MAX_LENGTH = 200


class Agent(TenantOwned, Timestamps, Base):
    """One agent as it is live; `version` grows with every event about it.

    What the row and its settings hold is what version `live_version` holds (`agent_versions`).
    """

    __tablename__ = "agents"

    name: Mapped[str]
    description: Mapped[str | None] = mapped_column(default=None)
    avatar_url: Mapped[str | None] = mapped_column(default=None)
    status: Mapped[str] = mapped_column(default=Status.ACTIVE.value)
    instructions: Mapped[str | None] = mapped_column(default=None)
    llm_settings_id: Mapped[UUID | None] = mapped_column(default=None)
    personality_traits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    capabilities: Mapped[list[Any]] = mapped_column(default=list)
    operating_hours: Mapped[dict[str, Any]] = mapped_column(default=dict)
    languages: Mapped[list[Any]] = mapped_column(default=list)
    behaviour: Mapped[dict[str, Any]] = mapped_column(default=dict)
    fallback_settings_ids: Mapped[list[Any]] = mapped_column(default=list)
    version: Mapped[int] = mapped_column(default=1)
    live_version: Mapped[int | None] = mapped_column(default=None)
    split_version: Mapped[int | None] = mapped_column(default=None)
    split_percent: Mapped[int] = mapped_column(default=0)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)

    @classmethod
    def named(cls, name: str) -> "Agent":
        """Make an agent with all else at its default."""
        return cls(
            id=new_id(),
            name=name,
            status=Status.ACTIVE.value,
            personality_traits={},
            capabilities=[],
            operating_hours={},
            languages=[],
            behaviour={},
            fallback_settings_ids=[],
            version=1,
            split_percent=0,
        )

    def copy(self, name: str) -> "Agent":
        """Make an inactive agent like this one."""
        return Agent(
            id=new_id(),
            name=name,
            description=self.description,
            avatar_url=self.avatar_url,
            status=Status.INACTIVE.value,
            instructions=self.instructions,
            llm_settings_id=self.llm_settings_id,
            personality_traits=dict(self.personality_traits),
            capabilities=list(self.capabilities),
            operating_hours=dict(self.operating_hours),
            languages=list(self.languages),
            behaviour=dict(self.behaviour),
            fallback_settings_ids=list(self.fallback_settings_ids),
            version=1,
            split_percent=0,
        )

    @property
    def is_deleted(self) -> bool:
        """The agent is hidden, and can be restored."""
        return self.deleted_at is not None
