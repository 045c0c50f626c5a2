"""Roles of a company's own, and who has them."""

from datetime import datetime
from typing import Self
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned
from libs.common.ids import new_id
from services.auth.domain.roles import name_key
from services.auth.models.base import Base


class CustomRole(TenantOwned, Base):
    """A set of permissions with a name that is unique in its company, however it is spelt."""

    __tablename__ = "roles"

    name: Mapped[str] = mapped_column(Text)
    name_key: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    permissions: Mapped[list[str]] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    @classmethod
    def made(cls, *, name: str, description: str, permissions: list[str], now: datetime) -> Self:
        """Make a role that nobody has yet."""
        return cls(
            id=new_id(),
            name=name,
            name_key=name_key(name),
            description=description,
            permissions=permissions,
            created_at=now,
            updated_at=now,
        )


class UserRole(Base):
    """That a user has a role."""

    __tablename__ = "user_roles"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    role_id: Mapped[UUID] = mapped_column(primary_key=True)
    assigned_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
