"""Rate limits of a company's own."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.auth.models.base import Base


class RateLimitRow(Base):
    """The limit of one class of requests, set by the company or by the platform."""

    __tablename__ = "rate_limits"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column("class", Text, primary_key=True)
    source: Mapped[str] = mapped_column(Text, primary_key=True)
    requests: Mapped[int]
    per_seconds: Mapped[int]
    set_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
