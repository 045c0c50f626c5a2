"""Messages, in the order of their conversation."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from services.conversations.models.base import Base


class Message(Base, TenantOwned, Timestamps):
    """One message; deleting hides it.

    So does leaving the branch that it stands in: then `branch_id` names the act, and
    `branch_after` the message before the fork (None at the beginning).
    """

    __tablename__ = "messages"

    conversation_id: Mapped[UUID]
    sequence: Mapped[int] = mapped_column(BigInteger)
    role: Mapped[str]
    content: Mapped[str]
    model_used: Mapped[str | None]
    processing_time: Mapped[float | None]
    tokens_used: Mapped[int] = mapped_column(default=0)
    sources: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, default=dict)
    user_feedback: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    branch_id: Mapped[UUID | None]
    branch_after: Mapped[UUID | None]
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def superseded(self) -> bool:
        """Whether it stands in a branch of the conversation that was left."""
        return self.branch_id is not None
