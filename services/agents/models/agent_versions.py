"""Versions of agents: what an agent was, who made it so, and which one was live when."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from libs.common.database.models import utc_now
from services.agents.models.base import Base


class AgentVersion(Base):
    """One state of an agent, settings included and secrets left out; never changed again."""

    __tablename__ = "agent_versions"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[dict[str, Any]]
    action: Mapped[str]
    note: Mapped[str | None] = mapped_column(default=None)
    created_by_kind: Mapped[str]
    created_by: Mapped[UUID | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class AgentPublication(TenantOwned, Base):
    """That a version became the live one, in place of `previous`."""

    __tablename__ = "agent_publications"

    agent_id: Mapped[UUID]
    number: Mapped[int]
    previous: Mapped[int | None]
    created_by_kind: Mapped[str]
    created_by: Mapped[UUID | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class AgentKey(TenantOwned, Base):
    """The newest key an agent had for a base URL, so that going back to a version works.

    Sent nowhere but to that URL, like the key of the settings themselves.
    """

    __tablename__ = "agent_keys"

    agent_id: Mapped[UUID]
    settings_id: Mapped[UUID]
    kind: Mapped[str]
    url: Mapped[str]
    sealed: Mapped[bytes]
    hint: Mapped[str | None] = mapped_column(default=None)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class AgentVersionStats(Base):
    """What came of the questions that one version answered, each event counted once."""

    __tablename__ = "agent_version_stats"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    agent_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    answers: Mapped[int] = mapped_column(BigInteger, default=0)
    generated: Mapped[int] = mapped_column(BigInteger, default=0)
    refused: Mapped[int] = mapped_column(BigInteger, default=0)
    extractive: Mapped[int] = mapped_column(BigInteger, default=0)
    citations: Mapped[int] = mapped_column(BigInteger, default=0)
    prompt_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    completion_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost_micros: Mapped[int] = mapped_column(BigInteger, default=0)
    duration_ms: Mapped[int] = mapped_column(BigInteger, default=0)
    ratings: Mapped[int] = mapped_column(BigInteger, default=0)
    rating_sum: Mapped[int] = mapped_column(BigInteger, default=0)
