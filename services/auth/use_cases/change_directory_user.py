"""A directory changes, deactivates or removes a person."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.events.catalogue.auth import UserUpdated
from services.auth.domain.accounts import ADMIN_ROLES, Role, UserStatus, clean_email, email_key
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.directory import DirectoryUser, KnownUser, name_key
from services.auth.domain.email_domains import domain_of
from services.auth.domain.errors import LastAdmin
from services.auth.domain.federation_errors import (
    AddressRefused,
    DirectoryUserNotFound,
    ProtectedUser,
)
from services.auth.domain.ports import Revocations
from services.auth.domain.sessions import EndReason
from services.auth.domain.tokens import Purpose
from services.auth.models.directory import DirectoryLink
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.end_sessions import end_sessions
from services.auth.use_cases.find_directory_users import seen
from services.auth.use_cases.provision_user import is_proven, status_after
from services.auth.use_cases.verify_scim_token import VerifiedDirectory

ChangeUser = Callable[[KnownUser], DirectoryUser]


@dataclass(frozen=True, kw_only=True)
class ChangeDirectoryUser:
    """Apply a change to a user as they are now, nobody else changing them meanwhile.

    Who is deactivated is out everywhere within seconds.
    """

    directory: VerifiedDirectory
    unit_of_work: OpenUnitOfWork
    revocations: Revocations
    clock: Clock = utc_now

    async def __call__(
        self, user_id: UUID, change: ChangeUser, *, address: str | None
    ) -> KnownUser:
        """Return the user after the change.

        Args:
            user_id: Whom.
            change: Given the user as they are, returns what they shall be, or raises.
            address: Where the directory calls from.

        Raises:
            DirectoryUserNotFound: There is none that the directory may see.
            NameTaken: The user name or address belongs to somebody else.
            ProtectedUser: It is the break-glass admin.
            LastAdmin: No other admin would be left.
            AddressRefused: The new address is an admin's, or of a domain that is not proven.
        """
        now = self.clock()
        async with self.unit_of_work(self.directory.tenant_id) as uow:
            # Locked before any user: no two admins leave at once.
            await uow.tenant.get(locked=True)
            before = await seen(uow, user_id, locked=True)
            wanted = change(before)
            fields = _changed(before, wanted)
            if not fields:
                return before
            row = await uow.directory.user(user_id)
            if row is None:
                raise DirectoryUserNotFound
            user, link = row
            if email_key(before.email) != email_key(wanted.email):
                await self._move_address(uow, user, wanted.email, address=address, now=now)
            ended = await self._apply(uow, user, link, wanted, fields=fields, now=now)
            await self._record(uow, user, fields, address=address, now=now)
            after = await seen(uow, user_id)
        for session_id in ended:
            await self.revocations.session_ended(session_id)
        return after

    async def remove(
        self, user_id: UUID, check: Callable[[KnownUser], None], *, address: str | None
    ) -> None:
        """Deactivate a user and hide them from the directory; their work stays.

        Raises:
            DirectoryUserNotFound: There is none that the directory may see.
            ProtectedUser: It is the break-glass admin.
            LastAdmin: No other admin would be left.
        """
        now = self.clock()
        async with self.unit_of_work(self.directory.tenant_id) as uow:
            # Locked before any user: no two admins leave at once.
            await uow.tenant.get(locked=True)
            before = await seen(uow, user_id, locked=True)
            check(before)
            row = await uow.directory.user(user_id)
            if row is None:
                raise DirectoryUserNotFound
            user, link = row
            await _refuse_break_glass(uow, user)
            await _refuse_last_admin(uow, user)
            # An admin's suspension outlasts removal and return.
            if user.status != UserStatus.SUSPENDED:
                user.status = UserStatus.INACTIVE
            user.updated_at = now
            self._linked(uow, link, before, user_id).removed_at = now
            await uow.directory.leave_all_groups(user_id)
            ended = await end_sessions(uow, user_id, reason=EndReason.CHANGED, now=now)
            await self._record(uow, user, ["removed"], address=address, now=now)
        for session_id in ended:
            await self.revocations.session_ended(session_id)

    async def _apply(
        self,
        uow: AuthUnitOfWork,
        user: User,
        link: DirectoryLink | None,
        wanted: DirectoryUser,
        *,
        fields: list[str],
        now: datetime,
    ) -> Sequence[UUID]:
        if {"active", "email"} & set(fields):
            await _refuse_break_glass(uow, user)
        if "active" in fields and not wanted.active:
            await _refuse_last_admin(uow, user)
        link = self._linked(uow, link, wanted, user.id)
        link.user_name = wanted.user_name
        link.user_name_key = name_key(wanted.user_name)
        link.external_id = wanted.external_id
        user.first_name, user.last_name = wanted.given_name, wanted.family_name
        moved = False
        if "email" in fields:
            email = clean_email(wanted.email)
            moved = user.email_key != email_key(email)
            user.email = email
            user.email_verified = user.email_verified or moved
        if "active" in fields:
            user.status = status_after(user.status, active=wanted.active)
        user.updated_at = now
        await uow.directory.flush()
        deactivated = "active" in fields and not wanted.active
        if not (deactivated or moved):
            return []
        return await end_sessions(uow, user.id, reason=EndReason.CHANGED, now=now)

    async def _move_address(
        self, uow: AuthUnitOfWork, user: User, email: str, *, address: str | None, now: datetime
    ) -> None:
        """Refuse a new address that would hand the account to somebody else; note the others.

        Whoever reads an address's mail can set its password.
        """
        email = clean_email(email)
        await _refuse_break_glass(uow, user)
        if user.role in ADMIN_ROLES or not await is_proven(uow, email):
            raise AddressRefused
        for purpose in (Purpose.RESET_PASSWORD, Purpose.VERIFY_EMAIL):
            await uow.one_time_tokens.use_all_of(user.id, purpose=purpose, now=now)
        await uow.audit.append(
            AuditRecord(
                event=AuditEvent.EMAIL_CHANGED,
                description="E-mail address changed by the directory.",
                risk=Risk.HIGH,
                actor_role="directory",
                entity_type="user",
                entity_id=user.id,
                address=address,
                details={
                    "before": domain_of(user.email),
                    "after": domain_of(email),
                    "scim_token_id": str(self.directory.token_id),
                },
            ),
            now=now,
        )

    def _linked(
        self, uow: AuthUnitOfWork, link: DirectoryLink | None, named: DirectoryUser, user_id: UUID
    ) -> DirectoryLink:
        if link is None:
            link = DirectoryLink(
                user_id=user_id,
                user_name=named.user_name,
                user_name_key=name_key(named.user_name),
                external_id=named.external_id,
            )
            uow.directory.add_link(link)
        return link

    async def _record(
        self,
        uow: AuthUnitOfWork,
        user: User,
        fields: list[str],
        *,
        address: str | None,
        now: datetime,
    ) -> None:
        uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
        await uow.audit.append(
            AuditRecord(
                event=AuditEvent.USER_UPDATED,
                description="User changed by the directory.",
                risk=Risk.MEDIUM,
                actor_role="directory",
                entity_type="user",
                entity_id=user.id,
                address=address,
                details={"fields": fields, "scim_token_id": str(self.directory.token_id)},
            ),
            now=now,
        )


def _changed(before: KnownUser, wanted: DirectoryUser) -> list[str]:
    return [
        name
        for name in DirectoryUser.__dataclass_fields__
        if getattr(before, name) != getattr(wanted, name)
    ]


async def _refuse_break_glass(uow: AuthUnitOfWork, user: User) -> None:
    if user.id == (await uow.sso.policy()).break_glass_user_id:
        raise ProtectedUser


async def _refuse_last_admin(uow: AuthUnitOfWork, user: User) -> None:
    if user.role == Role.ADMIN and not await uow.directory.other_admin_exists(user.id):
        raise LastAdmin
