"""Conversations: what one person says to one agent."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from libs.common.ids import new_id
from services.conversations.models.base import Base

DEFAULT_TITLE = "New Conversation"


class Channel(StrEnum):
    """Where a conversation takes place; only chats are listed to people."""

    CHAT = "chat"
    TEST = "test"
    COMPLETION = "completion"


class Conversation(Base, TenantOwned, Timestamps):
    """A conversation; its messages are numbered by `last_sequence`."""

    __tablename__ = "conversations"

    agent_id: Mapped[UUID]
    title: Mapped[str]
    status: Mapped[str] = mapped_column(default="active")
    channel: Mapped[str] = mapped_column(default=Channel.CHAT)
    entity_type: Mapped[str]
    entity_id: Mapped[UUID | None]
    lead_id: Mapped[UUID | None]
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, default=dict)
    max_context_length: Mapped[int] = mapped_column(default=4000)
    last_sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    message_count: Mapped[int] = mapped_column(default=0)
    total_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    last_activity: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    handoff: Mapped[str] = mapped_column(default="bot")
    handoff_user_id: Mapped[UUID | None]
    handoff_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @classmethod
    def with_agent(
        cls,
        agent_id: UUID,
        *,
        entity_type: str,
        entity_id: UUID | None,
        lead_id: UUID | None = None,
        now: datetime,
        title: str = "",
        channel: Channel = Channel.CHAT,
        metadata: dict[str, Any] | None = None,
        max_context_length: int = 4000,
    ) -> "Conversation":
        """Return a new conversation in which nothing has been said."""
        return cls(
            id=new_id(),
            agent_id=agent_id,
            title=title.strip() or DEFAULT_TITLE,
            status="active",
            channel=channel,
            entity_type=entity_type,
            entity_id=entity_id,
            lead_id=lead_id,
            details=metadata or {},
            max_context_length=max_context_length,
            last_sequence=0,
            message_count=0,
            total_tokens=0,
            last_activity=now,
        )
