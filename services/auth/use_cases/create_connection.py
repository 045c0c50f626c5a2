"""Setting up single sign-on."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from libs.common.crypto import KeyRing
from libs.common.ids import new_id
from libs.common.security import Caller
from services.auth.domain.accounts import Role
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.email_domains import clean_domain
from services.auth.domain.federation import GIVEN_ROLES, MAX_CONNECTIONS
from services.auth.domain.federation_errors import (
    InvalidConnection,
    TooManyOfThem,
    UnprovenDomain,
)
from services.auth.domain.federation_ports import IdentityProviders
from services.auth.models.federation import SsoConnection
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.give_role import check_given_roles
from services.auth.use_cases.require_admin import require_admin
from services.auth.use_cases.step_up import require_recent_proof

SECRET_PURPOSE = "sso"


@dataclass(frozen=True, kw_only=True)
class NewConnection:
    """What an admin fills in."""

    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    domains: Sequence[str]
    default_role: str = Role.USER
    group_claim: str | None = None
    group_roles: Mapping[str, str] = field(default_factory=dict)
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class CreateConnection:
    """Keep a provider's settings, its client's secret encrypted."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    key_ring: KeyRing
    providers: IdentityProviders
    clock: Clock = utc_now

    async def __call__(self, wanted: NewConnection, *, address: str | None) -> SsoConnection:
        self.providers.check_issuer(wanted.issuer)
        check_roles(wanted.group_claim, wanted.group_roles, default=wanted.default_role)
        cipher = await self.key_ring.cipher(self.caller.tenant_id, SECRET_PURPOSE)
        now = self.clock()
        connection_id = new_id()
        connection = SsoConnection(
            id=connection_id,
            name=wanted.name,
            issuer=wanted.issuer,
            client_id=wanted.client_id,
            client_secret=cipher.encrypt(
                wanted.client_secret.encode(),
                table="sso_connections",
                column="client_secret",
                row=connection_id,
            ),
            domains=sorted({clean_domain(domain) for domain in wanted.domains}),
            default_role=wanted.default_role,
            group_claim=wanted.group_claim,
            group_roles=dict(wanted.group_roles),
            enabled=wanted.enabled,
            created_at=now,
            updated_at=now,
        )
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            await require_admin(uow, self.caller)
            await require_recent_proof(uow, self.caller, now=now)
            if await uow.sso.count() >= MAX_CONNECTIONS:
                raise TooManyOfThem
            await check_proven(uow, connection.domains)
            await check_given_roles(uow, connection.group_roles)
            uow.sso.add(connection)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.SSO_CONNECTION_CREATED,
                    description=f"Single sign-on through {connection.issuer} set up.",
                    risk=Risk.HIGH,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="sso_connection",
                    entity_id=connection.id,
                    address=address,
                    details=shown_in_audit(connection),
                ),
                now=now,
            )
        return connection


def check_roles(group_claim: str | None, group_roles: Mapping[str, str], *, default: str) -> None:
    """Refuse roles that a provider cannot give.

    Raises:
        InvalidConnection: The default is no role, or more than an admin's; or roles hang on no
            claim.
    """
    if default not in GIVEN_ROLES:
        raise InvalidConnection(f"The default role must be one of: {', '.join(GIVEN_ROLES)}.")
    if group_roles and not group_claim:
        raise InvalidConnection("Name the claim that holds the groups beside the groups' roles.")


async def check_proven(uow: AuthUnitOfWork, domains: Collection[str]) -> None:
    """Refuse domains that the company has not proven.

    Raises:
        UnprovenDomain: One of them.
    """
    missing = set(domains) - await uow.email_domains.proven_among(domains)
    if missing:
        raise UnprovenDomain(details={"domains": sorted(missing)})


def shown_in_audit(connection: SsoConnection) -> dict[str, Any]:
    """Return a connection's settings without its secret."""
    return {
        "issuer": connection.issuer,
        "client_id": connection.client_id,
        "domains": list(connection.domains),
        "default_role": str(connection.default_role),
        "group_claim": connection.group_claim,
        "group_roles": {name: str(role) for name, role in connection.group_roles.items()},
        "enabled": connection.enabled,
    }
