"""Companies' logos."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.auth.models.base import Base


class Logo(Base):
    """A company's picture; its id is new with each picture, and is all that it takes to see it."""

    __tablename__ = "logos"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    media_type: Mapped[str] = mapped_column(Text)
    content: Mapped[bytes] = mapped_column(deferred=True)
    set_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
