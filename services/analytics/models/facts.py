"""What analytics knows: one row for each thing it has heard of, and one for each answer.

Reports are sums over these rows. A fact that arrives twice, or after a later one about the same
thing, leaves the same rows behind. Ids and numbers only: who said what is not here.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from libs.common.database import NAMING, TenantOwned


class Base(DeclarativeBase):
    """The base of analytics' models."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012 - SQLAlchemy's way


class UserFact(TenantOwned, Base):
    """A user of the tenant."""

    __tablename__ = "users"

    role: Mapped[str | None]
    created_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class ApiKeyFact(TenantOwned, Base):
    """An API key of the tenant."""

    __tablename__ = "api_keys"

    created_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AgentFact(TenantOwned, Base):
    """An agent of the tenant."""

    __tablename__ = "agents"

    created_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class DocumentFact(TenantOwned, Base):
    """A document, its state and its size."""

    __tablename__ = "documents"

    agent_id: Mapped[UUID]
    state: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    passages: Mapped[int]
    pages: Mapped[int]
    tokens: Mapped[int] = mapped_column(BigInteger)
    uploaded_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class ConversationFact(TenantOwned, Base):
    """A conversation with an agent."""

    __tablename__ = "conversations"

    agent_id: Mapped[UUID]
    started_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class QuestionFact(TenantOwned, Base):
    """A message that somebody wrote to an agent."""

    __tablename__ = "questions"

    conversation_id: Mapped[UUID]
    agent_id: Mapped[UUID]
    asked_at: Mapped[datetime]


class LeadFact(TenantOwned, Base):
    """A visitor who said who they are, and what became of them."""

    __tablename__ = "leads"

    registered_at: Mapped[datetime | None]
    status: Mapped[str]
    status_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class LedgerEntry(TenantOwned, Base):
    """What one answer cost; its id is the answer's, so an answer is billed once."""

    __tablename__ = "usage_ledger"

    conversation_id: Mapped[UUID]
    agent_id: Mapped[UUID]
    outcome: Mapped[str]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cost_micros: Mapped[int] = mapped_column(BigInteger)
    duration_ms: Mapped[int]
    citation_count: Mapped[int]
    answered_at: Mapped[datetime]


class RatingFact(TenantOwned, Base):
    """What somebody thinks of an answer, whose message's id is its own; 1 to 5."""

    __tablename__ = "ratings"

    conversation_id: Mapped[UUID]
    agent_id: Mapped[UUID]
    rating: Mapped[int]
    version: Mapped[int]
    rated_at: Mapped[datetime]


class ApiCalls(Base):
    """A tenant's calls of one route in one hour."""

    __tablename__ = "api_calls"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    status_class: Mapped[str] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(BigInteger)
    duration_ms: Mapped[int] = mapped_column(BigInteger)
