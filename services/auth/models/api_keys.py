"""API keys, of which only hashes are kept."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from libs.common.ids import new_id
from services.auth.models.base import Base


class ApiKey(TenantOwned, Base):
    """A key pair that acts for the user who made it."""

    __tablename__ = "api_keys"

    user_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(Text)
    prefix: Mapped[str] = mapped_column(Text)
    key_hash: Mapped[bytes]
    pair_hash: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text))
    permissions: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    networks: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    successor_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @classmethod
    def issued(
        cls,
        *,
        user_id: UUID,
        name: str,
        prefix: str,
        key_hash: bytes,
        pair_hash: bytes,
        scopes: list[str],
        permissions: dict[str, Any],
        networks: list[str],
        expires_at: datetime | None,
        now: datetime,
    ) -> Self:
        """Make a key that is good from now on."""
        return cls(
            id=new_id(),
            user_id=user_id,
            name=name,
            prefix=prefix,
            key_hash=key_hash,
            pair_hash=pair_hash,
            scopes=scopes,
            permissions=permissions,
            networks=networks,
            created_at=now,
            expires_at=expires_at,
        )

    def state(self, now: datetime) -> str:
        """Return the contract's word for the key's state: active, revoked or expired."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return "active"
