"""Tenants whose agents nobody may see."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped, mapped_column

from services.agents.models.base import Base


class ClosedTenant(Base):
    """A tenant that auth has closed; it has no row while it is open."""

    __tablename__ = "closed_tenants"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    closed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
