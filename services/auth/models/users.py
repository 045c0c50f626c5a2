"""Users: people who log in, each of one tenant."""

from datetime import datetime
from typing import Any, Self

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from libs.common.ids import new_id
from services.auth.domain.accounts import Role, UserStatus
from services.auth.models.base import Base
from services.auth.models.sealed_emails import SealedEmail


class User(SealedEmail, TenantOwned, Timestamps, Base):
    """A person; their address is unique on the platform, as people log in by it alone."""

    __tablename__ = "users"

    username: Mapped[str] = mapped_column(Text)
    first_name: Mapped[str] = mapped_column(Text)
    last_name: Mapped[str] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text, deferred=True)
    role: Mapped[str] = mapped_column(Text, default=Role.USER)
    status: Mapped[str] = mapped_column(Text, default=UserStatus.ACTIVE)
    email_verified: Mapped[bool] = mapped_column(default=False)
    two_factor_enabled: Mapped[bool] = mapped_column(default=False)
    login_attempts: Mapped[int] = mapped_column(default=0)
    password_reset_required: Mapped[bool] = mapped_column(default=False)
    last_login_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    timezone: Mapped[str] = mapped_column(Text, default="UTC")
    language: Mapped[str] = mapped_column(Text, default="en")
    preferences: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)

    @classmethod
    def enrolled(
        cls,
        *,
        email: str,
        username: str,
        first_name: str,
        last_name: str,
        phone: str | None = None,
        password_hash: str,
        role: Role,
        now: datetime,
        email_verified: bool = False,
    ) -> Self:
        """Make an active user; the repository gives the tenant."""
        return cls(
            id=new_id(),
            email=email,
            username=username,
            first_name=first_name,
            last_name=last_name,
            phone=phone,
            password_hash=password_hash,
            role=role,
            status=UserStatus.ACTIVE,
            email_verified=email_verified,
            two_factor_enabled=False,
            login_attempts=0,
            password_reset_required=False,
            timezone="UTC",
            language="en",
            preferences={},
            created_at=now,
            updated_at=now,
        )

    @property
    def is_active(self) -> bool:
        """Whether the user may log in and act."""
        return self.status == UserStatus.ACTIVE
