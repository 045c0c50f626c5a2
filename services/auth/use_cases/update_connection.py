"""Changing a single sign-on connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from libs.common.crypto import KeyRing
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.email_domains import clean_domain
from services.auth.domain.federation_errors import ConnectionNeeded, ConnectionNotFound
from services.auth.models.federation import SsoConnection
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.create_connection import (
    SECRET_PURPOSE,
    check_proven,
    check_roles,
    shown_in_audit,
)
from services.auth.use_cases.give_role import check_given_roles
from services.auth.use_cases.require_admin import require_admin
from services.auth.use_cases.step_up import require_recent_proof


@dataclass(frozen=True, kw_only=True)
class ConnectionChanges:
    """What may change; None leaves it as it is. An empty `group_claim` means none."""

    name: str | None = None
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    domains: Sequence[str] | None = None
    default_role: str | None = None
    group_claim: str | None = None
    group_roles: Mapping[str, str] | None = None
    enabled: bool | None = None


@dataclass(frozen=True, kw_only=True)
class UpdateConnection:
    """Change a connection; its issuer stays, as users are linked to what that issuer said."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    key_ring: KeyRing
    clock: Clock = utc_now

    async def __call__(
        self, connection_id: UUID, changes: ConnectionChanges, *, address: str | None
    ) -> SsoConnection:
        cipher = await self.key_ring.cipher(self.caller.tenant_id, SECRET_PURPOSE)
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            await require_recent_proof(uow, self.caller, now=now)
            await uow.tenant.get(locked=True)
            connection = await uow.sso.with_secret(connection_id)
            if connection is None:
                raise ConnectionNotFound
            before = shown_in_audit(connection)
            for name in ("name", "client_id", "default_role", "enabled"):
                if (value := getattr(changes, name)) is not None:
                    setattr(connection, name, value)
            if changes.group_claim is not None:
                connection.group_claim = changes.group_claim or None
            if changes.group_roles is not None:
                connection.group_roles = dict(changes.group_roles)
                await check_given_roles(uow, connection.group_roles)
            if changes.domains is not None:
                connection.domains = sorted({clean_domain(domain) for domain in changes.domains})
                await check_proven(uow, connection.domains)
            if changes.client_secret is not None:
                connection.client_secret = cipher.encrypt(
                    changes.client_secret.encode(),
                    table="sso_connections",
                    column="client_secret",
                    row=connection.id,
                )
            check_roles(
                connection.group_claim, connection.group_roles, default=connection.default_role
            )
            if not connection.enabled:
                await refuse_to_lock_out(uow, connection.id)
            connection.updated_at = now
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.SSO_CONNECTION_UPDATED,
                    description="Single sign-on connection changed.",
                    risk=Risk.HIGH,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="sso_connection",
                    entity_id=connection.id,
                    address=address,
                    details={
                        "before": before,
                        "after": shown_in_audit(connection),
                        "secret_changed": changes.client_secret is not None,
                    },
                ),
                now=now,
            )
        return connection


async def refuse_to_lock_out(uow: AuthUnitOfWork, connection_id: UUID) -> None:
    """Keep the last enabled connection of a company that takes no passwords.

    The tenant's row is locked by whoever calls, so that two do not take the last two.

    Raises:
        ConnectionNeeded: This is it.
    """
    policy = await uow.sso.policy()
    if policy.sso_only and not await uow.sso.count(enabled=True, without=connection_id):
        raise ConnectionNeeded
