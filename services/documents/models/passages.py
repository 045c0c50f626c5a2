"""Passages: the text that search returns, with where it stands in its document."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from services.documents.models.base import Base


class StoredPassage(TenantOwned, Base):
    """A passage of one version of a document; the vector store knows it by the same id."""

    __tablename__ = "passages"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "document_id"],
            ["documents.tenant_id", "documents.id"],
            ondelete="CASCADE",
        ),
    )

    document_id: Mapped[UUID]
    document_version: Mapped[int]
    position: Mapped[int]
    page: Mapped[int | None]
    heading_path: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    char_start: Mapped[int]
    char_end: Mapped[int]
    word_count: Mapped[int]
    token_estimate: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
