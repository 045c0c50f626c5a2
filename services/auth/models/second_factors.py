"""What people prove themselves with besides a password, and the proofs under way."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from services.auth.models.base import Base


class TotpDevice(Base):
    """A user's authenticator app: its secret, encrypted, and the last time step accepted."""

    __tablename__ = "totp_devices"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    secret: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    confirmed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_step: Mapped[int] = mapped_column(BigInteger, default=0)


class RecoveryCode(Base):
    """One code for when everything else is lost; its hash only."""

    __tablename__ = "recovery_codes"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Passkey(TenantOwned, Base):
    """A WebAuthn credential: a public key whose private half never leaves its authenticator."""

    __tablename__ = "passkeys"

    user_id: Mapped[UUID]
    credential_id: Mapped[bytes]
    public_key: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Challenge(TenantOwned, Base):
    """Something begun that a second request ends, within minutes and a few attempts."""

    __tablename__ = "challenges"

    user_id: Mapped[UUID | None]
    purpose: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes]
    nonce: Mapped[bytes]
    """What a passkey signs."""
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
