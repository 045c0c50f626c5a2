"""What other services told about an agent, counted."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from services.agents.models.base import Base


class AgentStats(Base):
    """Counters of one agent, each event counted once."""

    __tablename__ = "agent_stats"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(primary_key=True)
    total_conversations: Mapped[int] = mapped_column(default=0)
    active_conversations: Mapped[int] = mapped_column(default=0)
    total_messages: Mapped[int] = mapped_column(default=0)
    total_answers: Mapped[int] = mapped_column(default=0)
    total_answer_ms: Mapped[int] = mapped_column(default=0)


class KnownDocument(TenantOwned, Base):
    """A document of an agent, so that indexing one again does not count it twice."""

    __tablename__ = "known_documents"

    agent_id: Mapped[UUID]
    is_indexed: Mapped[bool]
    indexed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True), default=None)
