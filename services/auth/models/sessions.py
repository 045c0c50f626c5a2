"""Sessions, and the refresh tokens that keep each alive."""

from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from libs.common.ids import new_id
from services.auth.domain.sessions import (
    IMPERSONATION_LIFETIME,
    SESSION_ABSOLUTE,
    SESSION_IDLE,
    EndReason,
    Method,
)
from services.auth.models.base import Base


class Session(TenantOwned, Base):
    """One login: a family of refresh tokens, of which the newest generation is live."""

    __tablename__ = "sessions"

    user_id: Mapped[UUID]
    generation: Mapped[int] = mapped_column(default=1)
    address: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    refreshed_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    idle_until: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    ended_reason: Mapped[str | None] = mapped_column(Text)
    device: Mapped[str | None] = mapped_column(Text)
    """What the client calls itself (`User-Agent`)."""
    method: Mapped[str | None] = mapped_column(Text)
    proven_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When the user last proved to be themselves, with all that was asked for."""
    impersonator_id: Mapped[UUID | None]

    @classmethod
    def begun(
        cls,
        *,
        user_id: UUID,
        address: str | None,
        now: datetime,
        device: str | None = None,
        method: Method | None = None,
    ) -> Self:
        """Make a session that starts now, after a proof of who it is."""
        return cls(
            id=new_id(),
            user_id=user_id,
            generation=1,
            address=address,
            created_at=now,
            refreshed_at=now,
            idle_until=now + SESSION_IDLE,
            expires_at=now + SESSION_ABSOLUTE,
            device=device,
            method=method,
            proven_at=now,
        )

    @classmethod
    def impersonated(
        cls, *, user_id: UUID, impersonator_id: UUID, address: str | None, now: datetime
    ) -> Self:
        """Make a short session in which somebody else acts as a user; it proves nobody."""
        session = cls.begun(user_id=user_id, address=address, now=now, method=Method.IMPERSONATION)
        session.impersonator_id = impersonator_id
        session.proven_at = None
        session.idle_until = session.expires_at = now + IMPERSONATION_LIFETIME
        return session

    def is_live(self, now: datetime) -> bool:
        """Whether it has neither been ended nor run out."""
        return self.ended_at is None and now < min(self.idle_until, self.expires_at)

    def refreshed(self, now: datetime) -> None:
        """Note that its refresh token was replaced."""
        self.generation += 1
        self.refreshed_at = now
        self.idle_until = now + SESSION_IDLE

    def end(self, reason: EndReason, now: datetime) -> None:
        """End it; all its tokens are worthless from now on."""
        if self.ended_at is None:
            self.ended_at = now
            self.ended_reason = reason


class RefreshToken(Base):
    """One generation's token. Replaced ones are kept, so that a copy gives itself away."""

    __tablename__ = "refresh_tokens"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID]
    generation: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    replaced_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    successor: Mapped[bytes | None]
    """The token that replaced this one, encrypted; only of use during the grace."""
