"""Single sign-on: connections, logins under way, linked identities, the policy."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import undefer

from libs.common.database import Database, TenantRepository
from services.auth.domain.accounts import Role
from services.auth.models.federation import (
    FederationPolicy,
    SsoConnection,
    SsoHandoff,
    SsoLogin,
    UserIdentity,
)

_OVER = (
    "DELETE FROM sso_logins WHERE expires_at < $1",
    "DELETE FROM sso_handoffs WHERE expires_at < $1",
)


class SsoRepository(TenantRepository[SsoConnection]):
    """Reads and writes a tenant's connections, and the logins that go through them."""

    model = SsoConnection

    async def with_secret(self, connection_id: UUID) -> SsoConnection | None:
        """Return a connection together with its client's secret, encrypted."""
        query = (
            self.owned()
            .where(SsoConnection.id == connection_id)
            .options(undefer(SsoConnection.client_secret))
        )
        found: SsoConnection | None = await self.session.scalar(query)
        return found

    async def all(self) -> Sequence[SsoConnection]:
        """Return the tenant's connections, oldest first."""
        query = self.owned().order_by(SsoConnection.created_at, SsoConnection.id)
        return (await self.session.scalars(query)).all()

    async def count(self, *, enabled: bool = False, without: UUID | None = None) -> int:
        """Return how many connections there are; only enabled ones, or all but one."""
        query = self.owned()
        if enabled:
            query = query.where(SsoConnection.enabled)
        if without is not None:
            query = query.where(SsoConnection.id != without)
        return await self.session.scalar(select(func.count()).select_from(query.subquery())) or 0

    async def uses_domain(self, domain: str) -> bool:
        """Say whether a connection admits people of a domain."""
        query = self.owned().where(SsoConnection.domains.contains([domain]))
        return bool(await self.session.scalar(select(query.exists())))

    async def gives_role(self, role_id: UUID) -> bool:
        """Say whether a provider's or the directory's groups give a role of the company's own."""
        mappings = [connection.group_roles for connection in await self.all()]
        mappings.append((await self.policy()).group_roles)
        return any(str(role_id) in roles.values() for roles in mappings)

    def begin(self, login: SsoLogin) -> None:
        """Remember a login that goes to the provider now."""
        login.tenant_id = self.tenant_id
        self.session.add(login)

    async def take_login(self, state_hash: bytes) -> SsoLogin | None:
        """Return a login and forget it: of two who bring the same state, one gets it."""
        query = (
            delete(SsoLogin)
            .where(SsoLogin.tenant_id == self.tenant_id, SsoLogin.state_hash == state_hash)
            .returning(SsoLogin)
        )
        found: SsoLogin | None = await self.session.scalar(query)
        return found

    def hand_off(self, handoff: SsoHandoff) -> None:
        """Keep a login that succeeded until its page fetches it."""
        handoff.tenant_id = self.tenant_id
        self.session.add(handoff)

    async def take_handoff(self, code_hash: bytes) -> SsoHandoff | None:
        """Return a login that succeeded and forget it; one caller gets it."""
        query = (
            delete(SsoHandoff)
            .where(SsoHandoff.tenant_id == self.tenant_id, SsoHandoff.code_hash == code_hash)
            .returning(SsoHandoff)
        )
        found: SsoHandoff | None = await self.session.scalar(query)
        return found

    async def linked_user(self, connection_id: UUID, subject: str) -> UUID | None:
        """Return the user that a provider's subject was linked to."""
        found: UUID | None = await self.session.scalar(
            select(UserIdentity.user_id).where(
                UserIdentity.tenant_id == self.tenant_id,
                UserIdentity.connection_id == connection_id,
                UserIdentity.subject == subject,
            )
        )
        return found

    async def link(
        self, connection_id: UUID, subject: str, *, user_id: UUID, now: datetime
    ) -> bool:
        """Link a subject to a user; False when either has another partner in this connection."""
        stored = await self.session.execute(
            insert(UserIdentity)
            .values(
                tenant_id=self.tenant_id,
                connection_id=connection_id,
                subject=subject,
                user_id=user_id,
                created_at=now,
            )
            .on_conflict_do_nothing()
            .returning(UserIdentity.user_id)
        )
        return stored.first() is not None

    async def policy(self, *, locked: bool = False) -> FederationPolicy:
        """Return the tenant's policy; the default one, not stored, when it has none."""
        query = select(FederationPolicy).where(FederationPolicy.tenant_id == self.tenant_id)
        found: FederationPolicy | None = await self.session.scalar(
            query.with_for_update() if locked else query
        )
        return found or FederationPolicy(
            tenant_id=self.tenant_id,
            sso_only=False,
            break_glass_user_id=None,
            group_roles={},
            default_role=Role.USER,
        )

    async def save_policy(self, policy: FederationPolicy) -> None:
        """Store the tenant's policy."""
        await self.session.merge(policy)
        await self.session.flush()


class FederationLookups:
    """Finds the tenant of what a browser or a directory brings; ids only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def domain_owner(self, domain: str) -> tuple[UUID, UUID] | None:
        """Return tenant and id of a proven domain."""
        return await self._ids("SELECT * FROM tenant_by_proven_domain($1)", domain)

    async def connection_for(self, domain: str) -> tuple[UUID, UUID] | None:
        """Return tenant and id of the enabled connection for a proven domain."""
        return await self._ids("SELECT * FROM sso_connection_by_domain($1)", domain)

    async def login(self, state_hash: bytes) -> tuple[UUID, UUID] | None:
        """Return tenant and connection of a login that is at the provider."""
        return await self._ids("SELECT * FROM sso_login_by_state($1)", state_hash)

    async def handoff(self, code_hash: bytes) -> tuple[UUID, UUID] | None:
        """Return tenant and user of a login that waits to be fetched."""
        return await self._ids("SELECT * FROM sso_handoff_by_code($1)", code_hash)

    async def scim_token(self, token_hash: bytes) -> tuple[UUID, UUID] | None:
        """Return tenant and id of a directory's token."""
        return await self._ids("SELECT * FROM scim_token_by_hash($1)", token_hash)

    async def _ids(self, query: str, argument: str | bytes) -> tuple[UUID, UUID] | None:
        async with self._database.platform() as connection:
            row = await connection.fetchrow(query, argument)
        # Of asyncpg's own UUID class otherwise.
        return None if row is None else (UUID(int=row[0].int), UUID(int=row[1].int))


class ExpiredLogins:
    """Throws away, across tenants, logins that nobody came back from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def delete(self, *, before: datetime) -> None:
        """Delete what had run out by then."""
        async with self._database.lean_cross_tenant() as connection:
            for statement in _OVER:
                await connection.execute(statement, before)
