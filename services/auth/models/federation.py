"""Single sign-on: connections, who came through them, and the company's policy."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from libs.common.database import TenantOwned, Timestamps
from services.auth.domain.accounts import Role
from services.auth.models.base import Base


class SsoConnection(TenantOwned, Timestamps, Base):
    """An OpenID Connect provider that a company's people log in with.

    The issuer stays as it is: another one could name the subjects that were linked here.
    """

    __tablename__ = "sso_connections"

    name: Mapped[str] = mapped_column(Text)
    issuer: Mapped[str] = mapped_column(Text)
    client_id: Mapped[str] = mapped_column(Text)
    client_secret: Mapped[bytes] = mapped_column(deferred=True)
    domains: Mapped[list[str]] = mapped_column(ARRAY(Text))
    default_role: Mapped[str] = mapped_column(Text, default=Role.USER)
    group_claim: Mapped[str | None] = mapped_column(Text)
    group_roles: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    enabled: Mapped[bool] = mapped_column(default=True)


class SsoLogin(Base):
    """A login that is at the provider: good once, and for ten minutes."""

    __tablename__ = "sso_logins"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    state_hash: Mapped[bytes] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID]
    browser_hash: Mapped[bytes]
    sealed: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class SsoHandoff(Base):
    """A login that succeeded and is fetched by the page that began it: once, within a minute."""

    __tablename__ = "sso_handoffs"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    connection_id: Mapped[UUID]
    challenge: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class UserIdentity(Base):
    """A user as a provider knows them: its subject is what names them from the first login on."""

    __tablename__ = "user_identities"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    connection_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(Text, primary_key=True)
    user_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class FederationPolicy(Base):
    """How a company's people may come in, and what its directory's groups are worth."""

    __tablename__ = "federation_policies"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sso_only: Mapped[bool] = mapped_column(default=False)
    break_glass_user_id: Mapped[UUID | None]
    group_roles: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    default_role: Mapped[str] = mapped_column(Text, default=Role.USER)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
