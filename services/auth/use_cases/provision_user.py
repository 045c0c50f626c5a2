"""A directory adds a person."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.events.catalogue.auth import UserCreated, UserUpdated
from services.auth.domain.accounts import Role, UserStatus, clean_email, username_from
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.directory import DirectoryUser, KnownUser, name_key
from services.auth.domain.email_domains import domain_of
from services.auth.domain.federation_errors import NameTaken
from services.auth.domain.ports import PasswordHasher, Revocations
from services.auth.models.directory import DirectoryLink
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.find_directory_users import known_user
from services.auth.use_cases.give_role import give_directory_roles
from services.auth.use_cases.release_address import ReleaseAddress
from services.auth.use_cases.verify_scim_token import VerifiedDirectory


@dataclass(frozen=True, kw_only=True)
class ProvisionUser:
    """Add a user, or take back one whom the directory removed before.

    They get in through single sign-on, or with a password that they set by mail: the one they
    have here, nobody knows. The address counts as verified where its domain is proven.
    """

    directory: VerifiedDirectory
    unit_of_work: OpenUnitOfWork
    hasher: PasswordHasher
    revocations: Revocations
    release: ReleaseAddress
    clock: Clock = utc_now

    async def __call__(self, wanted: DirectoryUser, *, address: str | None) -> KnownUser:
        """Return the new user.

        Raises:
            NameTaken: The user name or the address belongs to somebody else.
            InvalidEmail: The address is none.
        """
        email = clean_email(wanted.email)
        password_hash = await self.hasher.hash(secrets.token_urlsafe(32))
        try:
            return await self._add(
                wanted, email=email, password_hash=password_hash, address=address
            )
        except NameTaken:
            tenant_id = self.directory.tenant_id
            async with self.unit_of_work(tenant_id, read_only=True) as uow:
                proven = await is_proven(uow, email)
            if not proven or not await self.release(email, proven_in=tenant_id):
                raise
        return await self._add(wanted, email=email, password_hash=password_hash, address=address)

    async def _add(
        self, wanted: DirectoryUser, *, email: str, password_hash: str, address: str | None
    ) -> KnownUser:
        now = self.clock()
        async with self.unit_of_work(self.directory.tenant_id) as uow:
            # Locked before any user, as wherever roles are given.
            await uow.tenant.get(locked=True)
            ended: list[UUID] = []
            removed = await uow.directory.removed_user(user_name=wanted.user_name, email=email)
            if removed is not None:
                user, link = removed
                _take_back(user, link, wanted, now=now)
                # The groups that gave them their old role were left when they were removed.
                ended = await give_directory_roles(uow, [user.id], now=now)
                uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
            else:
                policy = await uow.sso.policy()
                user = User.enrolled(
                    email=email,
                    username=username_from(wanted.user_name),
                    first_name=wanted.given_name,
                    last_name=wanted.family_name,
                    password_hash=password_hash,
                    role=Role(policy.default_role),
                    now=now,
                )
                user.status = status_of(wanted.active)
                user.email_verified = await is_proven(uow, email)
                uow.directory.add_user(user)
                await uow.directory.flush()
                link = DirectoryLink(
                    user_id=user.id,
                    user_name=wanted.user_name,
                    user_name_key=name_key(wanted.user_name),
                    external_id=wanted.external_id,
                )
                uow.directory.add_link(link)
                await uow.directory.flush()
                uow.outbox.record(
                    UserCreated(user_id=user.id, role=user.role), aggregate_id=user.id
                )
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.USER_CREATED,
                    description="User added by the directory.",
                    risk=Risk.MEDIUM,
                    actor_role="directory",
                    entity_type="user",
                    entity_id=user.id,
                    address=address,
                    details={
                        "scim_token_id": str(self.directory.token_id),
                        "taken_back": removed is not None,
                    },
                ),
                now=now,
            )
        for session_id in ended:
            await self.revocations.session_ended(session_id)
        return known_user(user, link)


def status_of(active: bool) -> UserStatus:
    """Return the state of a user whom the directory calls active or not."""
    return UserStatus.ACTIVE if active else UserStatus.INACTIVE


def status_after(before: str, *, active: bool) -> str:
    """Return a user's state after the directory called them active or not.

    What an admin has suspended, and who has not confirmed their address, it does not let in.
    """
    if before in (UserStatus.ACTIVE, UserStatus.INACTIVE):
        return status_of(active)
    return before


async def is_proven(uow: AuthUnitOfWork, email: str) -> bool:
    """Say whether an address is in a domain that the company has proven."""
    domain = domain_of(email)
    return domain is not None and bool(await uow.email_domains.proven_among([domain]))


def _take_back(user: User, link: DirectoryLink, wanted: DirectoryUser, *, now: datetime) -> None:
    link.removed_at = None
    link.user_name = wanted.user_name
    link.external_id = wanted.external_id
    user.first_name, user.last_name = wanted.given_name, wanted.family_name
    user.status = status_after(user.status, active=wanted.active)
    user.updated_at = now
