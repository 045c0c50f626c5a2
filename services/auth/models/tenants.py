"""Tenants: the companies of the API, whose id is the `tenant_id` of all their rows."""

from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Text
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import Timestamps
from libs.common.ids import new_id
from services.auth.models.base import Base


class Tenant(Timestamps, Base):
    """A company; at first without users."""

    __tablename__ = "tenants"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text)
    email: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    website: Mapped[str | None] = mapped_column(Text)
    industry: Mapped[str | None] = mapped_column(Text)
    is_active: Mapped[bool] = mapped_column(default=True)
    is_verified: Mapped[bool] = mapped_column(default=False)
    deleted_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    logo_id: Mapped[UUID | None]
    # From then on a deleted one may be erased, and is not restored any more.
    erase_after: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    # Grows with each time it is closed or opened again, so that others hear the newest.
    state_version: Mapped[int] = mapped_column(BigInteger, default=0)
    # Whose pages may call us for its people and keys; the platform's setting when empty.
    allowed_origins: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)

    @classmethod
    def founded(
        cls,
        *,
        name: str,
        email: str | None = None,
        phone: str | None = None,
        website: str | None = None,
        industry: str | None = None,
        now: datetime,
    ) -> Self:
        """Make a company with a new id."""
        return cls(
            tenant_id=new_id(),
            name=name,
            email=email,
            phone=phone,
            website=website,
            industry=industry,
            is_active=True,
            is_verified=False,
            state_version=0,
            allowed_origins=[],
            created_at=now,
            updated_at=now,
        )

    @property
    def is_open(self) -> bool:
        """Whether its people and keys may come in."""
        return self.is_active and self.deleted_at is None
