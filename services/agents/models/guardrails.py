"""What a company has set about all that its agents say."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.agents.models.base import Base


class GuardrailRow(Base):
    """A company's guardrails; without a row it has the defaults."""

    __tablename__ = "guardrails"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    link_hosts: Mapped[list[str]] = mapped_column(ARRAY(Text))
    mask_personal_data: Mapped[bool]
    report_suspicions: Mapped[bool]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
