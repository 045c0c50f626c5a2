"""What a company demands of its users' logins."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.auth.models.base import Base


class SecurityPolicy(Base):
    """One row a company; without one the platform's default holds."""

    __tablename__ = "security_policies"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    mfa: Mapped[str] = mapped_column(Text)
    step_up_for_api_keys: Mapped[bool]
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
