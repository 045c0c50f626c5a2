"""Who somebody with a verified identity is in a company, and whether they may come in."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from libs.common.events.catalogue.auth import UserCreated
from services.auth.domain.accounts import Role, clean_email, email_key, username_from
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.email_domains import domain_of
from services.auth.domain.errors import EmailTaken, InvalidEmail
from services.auth.domain.federation import ProvidedIdentity, role_from_groups
from services.auth.domain.ports import PasswordHasher
from services.auth.models.federation import SsoConnection
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.give_role import give_custom_roles, give_role
from services.auth.use_cases.release_address import ReleaseAddress

_TAKEN: Final = "the e-mail address belongs to a user of another company"


class Refusal(Exception):
    """Somebody may not come in; the reason is for the audit trail."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class AdmitIdentity:
    """Find or make the user of an identity, and give them the role of their groups.

    A provider speaks only for verified addresses of domains that its company has proven, at
    each login. It links to users of its own company alone, and never to a super admin.
    """

    unit_of_work: OpenUnitOfWork
    hasher: PasswordHasher
    release: ReleaseAddress

    async def __call__(
        self,
        tenant_id: UUID,
        connection: SsoConnection,
        identity: ProvidedIdentity,
        *,
        now: datetime,
    ) -> tuple[UUID, list[UUID]]:
        """Return the user, and their sessions that ended as they got another role.

        Raises:
            Refusal: They may not come in.
        """
        email = _proven_address(connection, identity)
        # Nobody knows this password; the hash is made before a connection is taken.
        password_hash = await self.hasher.hash(secrets.token_urlsafe(32))

        async def admit() -> tuple[UUID, list[UUID]]:
            return await self._admit(
                tenant_id, connection, identity, email=email, password_hash=password_hash, now=now
            )

        try:
            return await admit()
        except EmailTaken as error:
            if not await self.release(email, proven_in=tenant_id):
                raise Refusal(_TAKEN) from error
        try:
            return await admit()
        except EmailTaken as error:
            raise Refusal(_TAKEN) from error

    async def _admit(
        self,
        tenant_id: UUID,
        connection: SsoConnection,
        identity: ProvidedIdentity,
        *,
        email: str,
        password_hash: str,
        now: datetime,
    ) -> tuple[UUID, list[UUID]]:
        async with self.unit_of_work(tenant_id) as uow:
            # Locked: of two first logins at once the second finds the first one's user.
            tenant = await uow.tenant.get(locked=True)
            if tenant is None or not tenant.is_active:
                raise Refusal("the company is not active")
            if domain_of(email) not in await uow.email_domains.proven_among(connection.domains):
                raise Refusal("the e-mail domain is not proven")
            user = await self._user(
                uow, connection, identity, email=email, password_hash=password_hash, now=now
            )
            if user.role == Role.SUPER_ADMIN:
                raise Refusal("super admins do not come through a provider")
            if not user.is_active:
                raise Refusal("the account is not active")
            if email_key(email) == user.email_key:
                user.email_verified = True
            role = role_from_groups(
                identity.groups, connection.group_roles, default=connection.default_role
            )
            ended = []
            if role is not None:
                ended = await give_role(uow, user, role, origin="single sign-on", now=now)
                await give_custom_roles(
                    uow,
                    user,
                    identity.groups,
                    connection.group_roles,
                    origin="single sign-on",
                    now=now,
                )
            return user.id, ended

    async def _user(
        self,
        uow: AuthUnitOfWork,
        connection: SsoConnection,
        identity: ProvidedIdentity,
        *,
        email: str,
        password_hash: str,
        now: datetime,
    ) -> User:
        linked = await uow.sso.linked_user(connection.id, identity.subject)
        if linked is not None:
            user = await uow.users.get(linked)
            if user is None:
                raise Refusal("the account is gone")
            return user
        known = await uow.directory.user_by_email(email)
        if known is None:
            user = await self._enrolled(
                uow, connection, identity, email=email, password_hash=password_hash, now=now
            )
        elif known.role == Role.SUPER_ADMIN:
            raise Refusal("super admins do not come through a provider")
        else:
            user = known
        if not await uow.sso.link(connection.id, identity.subject, user_id=user.id, now=now):
            raise Refusal("the account is linked to somebody else at the provider")
        return user

    async def _enrolled(
        self,
        uow: AuthUnitOfWork,
        connection: SsoConnection,
        identity: ProvidedIdentity,
        *,
        email: str,
        password_hash: str,
        now: datetime,
    ) -> User:
        user = User.enrolled(
            email=email,
            username=username_from(email),
            first_name=identity.first_name,
            last_name=identity.last_name,
            password_hash=password_hash,
            role=Role(connection.default_role),
            now=now,
        )
        user.email_verified = True
        await uow.users.enroll(user)
        uow.outbox.record(UserCreated(user_id=user.id, role=user.role), aggregate_id=user.id)
        await uow.audit.append(
            AuditRecord(
                event=AuditEvent.USER_CREATED,
                description="User made at their first single sign-on.",
                risk=Risk.MEDIUM,
                actor_id=user.id,
                actor_role=user.role,
                entity_type="user",
                entity_id=user.id,
                details={"connection_id": str(connection.id)},
            ),
            now=now,
        )
        return user


def _proven_address(connection: SsoConnection, identity: ProvidedIdentity) -> str:
    if identity.email is None or not identity.email_verified:
        raise Refusal("the provider does not say that the e-mail address is verified")
    if domain_of(identity.email) not in connection.domains:
        raise Refusal("the e-mail domain is not one of the connection's")
    try:
        return clean_email(identity.email)
    except InvalidEmail as error:
        raise Refusal("the e-mail address is not valid") from error
