"""The keys that sign access tokens; the platform's, not a tenant's."""

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from services.auth.models.base import Base


class SigningKeyRow(TenantOwned, Base):
    """An ES256 key: published from the start, it signs from a moment on, and is retired."""

    __tablename__ = "signing_keys"

    algorithm: Mapped[str] = mapped_column(Text)
    private_key: Mapped[bytes]
    """The PEM, encrypted under the platform's key."""
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSONB)
    signs_from: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    retired_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
