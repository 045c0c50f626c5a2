"""Invitations, and the tokens of links in mails."""

from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from libs.common.ids import new_id
from services.auth.domain.accounts import Role
from services.auth.domain.tokens import INVITATION_LIFETIME
from services.auth.models.base import Base
from services.auth.models.sealed_emails import SealedEmail


class Invitation(SealedEmail, TenantOwned, Base):
    """Somebody who may join; at most one is open for an address in a company."""

    __tablename__ = "invitations"

    role: Mapped[str] = mapped_column(Text)
    invited_by: Mapped[UUID | None]
    """The admin; None when a proven domain of the company let the person ask."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    accepted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @classmethod
    def to(cls, email: str, *, role: Role, invited_by: UUID | None, now: datetime) -> Self:
        """Make an open invitation."""
        return cls(
            id=new_id(),
            email=email,
            role=role,
            invited_by=invited_by,
            created_at=now,
            expires_at=now + INVITATION_LIFETIME,
        )

    def is_open(self, now: datetime) -> bool:
        """Whether it can still be accepted."""
        return self.accepted_at is None and self.revoked_at is None and now < self.expires_at


class OneTimeToken(Base):
    """What a link's token is good for; who uses it is decided by one UPDATE."""

    __tablename__ = "one_time_tokens"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(Text)
    user_id: Mapped[UUID | None]
    invitation_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
