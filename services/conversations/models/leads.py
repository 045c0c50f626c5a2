"""Leads: visitors who said who they are; what identifies them is encrypted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from services.conversations.models.base import Base


class Lead(Base, TenantOwned, Timestamps):
    """One person of a tenant, found again by the keyed hash of their address."""

    __tablename__ = "leads"

    email_hash: Mapped[bytes] = mapped_column(LargeBinary)
    personal: Mapped[bytes] = mapped_column(LargeBinary)
    """Names, address, phone, company and notes: JSON, encrypted."""
    agent_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(default="new")
    source: Mapped[str] = mapped_column(default="")
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    details: Mapped[dict[str, Any]] = mapped_column("metadata", JSONB, default=dict)
    consent_data_processing: Mapped[bool] = mapped_column(default=False)
    consent_marketing: Mapped[bool] = mapped_column(default=False)
    consent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    consent_shown: Mapped[str] = mapped_column(default="")
    last_activity: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class LeadVisit(Base, TenantOwned):
    """A lead on one device: what reaches its conversations, and nobody else's."""

    __tablename__ = "lead_visits"

    lead_id: Mapped[UUID]
    agent_id: Mapped[UUID]
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    proven_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    """When a mailed link showed that the address is theirs."""
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
