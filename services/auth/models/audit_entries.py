"""The audit trail and the head of each tenant's chain."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.auth.models.base import Base


class AuditHead(Base):
    """The last entry of a tenant; its row is the lock that keeps the chain in order."""

    __tablename__ = "audit_heads"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]


class AuditEntry(Base):
    """One entry; the service's role may add and read, never change or delete."""

    __tablename__ = "audit_entries"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    occurred_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    event_type: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    risk_level: Mapped[str] = mapped_column(Text)
    actor_id: Mapped[UUID | None]
    actor_role: Mapped[str | None] = mapped_column(Text)
    entity_type: Mapped[str] = mapped_column(Text)
    entity_id: Mapped[UUID | None]
    address: Mapped[str | None] = mapped_column(Text)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    previous_hash: Mapped[bytes]
    hash: Mapped[bytes]

    def content(self) -> dict[str, Any]:
        """Return what the hash covers, beside the previous hash."""
        return {
            "tenant_id": self.tenant_id,
            "sequence": self.sequence,
            "occurred_at": self.occurred_at,
            "event_type": self.event_type,
            "description": self.description,
            "risk_level": self.risk_level,
            "actor_id": self.actor_id,
            "actor_role": self.actor_role,
            "entity_type": self.entity_type,
            "entity_id": self.entity_id,
            "address": self.address,
            "details": self.details,
        }
