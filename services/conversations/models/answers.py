"""Answers: the state of the work between a question and the assistant's message."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from services.conversations.models.base import Base


class Answer(Base, TenantOwned):
    """One answer; a worker holds it by `lease_owner` until `lease_until`, by database clock."""

    __tablename__ = "answers"

    conversation_id: Mapped[UUID]
    message_id: Mapped[UUID]
    answer_message_id: Mapped[UUID | None]
    agent_id: Mapped[UUID]
    task_id: Mapped[UUID]
    kind: Mapped[str]
    state: Mapped[str]
    attempt: Mapped[int]
    options: Mapped[dict[str, Any]] = mapped_column(JSONB)
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    queued_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    completed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    mode: Mapped[str | None]
    prompt_tokens: Mapped[int]
    completion_tokens: Mapped[int]
    cost_micros: Mapped[int] = mapped_column(BigInteger)
    error_code: Mapped[str | None]
    error: Mapped[str | None]
    traceparent: Mapped[str | None]
    cancel_requested_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Citation(Base, TenantOwned):
    """A `[Source n]` of an answer, resolved to a place in one version of a document."""

    __tablename__ = "citations"

    message_id: Mapped[UUID]
    position: Mapped[int]
    source_number: Mapped[int]
    document_id: Mapped[UUID]
    document_version: Mapped[int]
    passage_id: Mapped[UUID]
    page: Mapped[int | None]
    char_start: Mapped[int]
    char_end: Mapped[int]
    quote: Mapped[str]
    name: Mapped[str]
    url: Mapped[str | None]
