"""Which embedding space of the platform's a tenant is searched in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.documents.models.base import Base


class EmbeddingMove(Base):
    """A tenant's place between the platform's two models.

    `live` names the space that is searched; once the move has `ended` the other one is not kept.
    """

    __tablename__ = "embedding_moves"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    live: Mapped[str] = mapped_column(Text)
    ended: Mapped[bool] = mapped_column(default=False)
    changed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
