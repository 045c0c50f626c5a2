"""What admins do to the users of their company, and super admins to anybody's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.events.catalogue.auth import UserUpdated
from libs.common.security import Caller, CallerKind, Scope
from services.auth.domain.accounts import Role, UserStatus
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import OwnAccount, RoleNotAllowed, UserNotFound
from services.auth.domain.federation_errors import ProtectedUser
from services.auth.domain.mails import SendNotice, SendPasswordReset
from services.auth.domain.ports import Revocations
from services.auth.domain.sessions import EndReason
from services.auth.models.users import User
from services.auth.repositories.credentials import Credentials
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.end_sessions import end_sessions
from services.auth.use_cases.require_admin import require_admin
from services.auth.use_cases.revoke_credentials import remove_factors, revoke_keys
from services.auth.use_cases.step_up import require_recent_proof


@dataclass(frozen=True, kw_only=True)
class ManageUser:
    """The part that all acts on another user share: whom, whether one may, and what ends."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    credentials: Credentials
    revocations: Revocations
    clock: Clock = utc_now

    async def _require_proof(self) -> None:
        """Let people through who proved themselves lately; keys cannot, and are bound otherwise."""
        if self.caller.kind is CallerKind.USER:
            async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
                await require_recent_proof(uow, self.caller, now=self.clock())

    async def _tenant_of(self, user_id: UUID) -> UUID:
        if not self.caller.may(Scope.PLATFORM_ADMIN):
            async with self.unit_of_work(self.caller.tenant_id) as uow:
                await require_admin(uow, self.caller)
            return self.caller.tenant_id
        tenant_id = await self.credentials.tenant_of_user(user_id)
        if tenant_id is None:
            raise UserNotFound
        return tenant_id

    async def _managed(self, uow: AuthUnitOfWork, user_id: UUID) -> User:
        """Return whom to act on, locked; the tenant's row is locked before any user.

        Of two admins who shut each other out at once the second is none any more.
        """
        await uow.tenant.get(locked=True)
        if not self.caller.may(Scope.PLATFORM_ADMIN):
            await require_admin(uow, self.caller)
        user = await uow.users.locked(user_id)
        if user is None:
            raise UserNotFound
        if user.id == self.caller.user_id:
            raise OwnAccount
        if user.role == Role.SUPER_ADMIN and not self.caller.may(Scope.PLATFORM_ADMIN):
            raise RoleNotAllowed
        return user

    async def _refuse_break_glass(self, uow: AuthUnitOfWork, user: User) -> None:
        policy = await uow.sso.policy()
        if policy.sso_only and user.id == policy.break_glass_user_id:
            raise ProtectedUser

    async def _end_sessions(
        self, uow: AuthUnitOfWork, user: User, *, now: datetime
    ) -> Sequence[UUID]:
        user.updated_at = now
        uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
        return await end_sessions(uow, user.id, reason=EndReason.CHANGED, now=now)

    async def _announce(self, ended: Sequence[UUID]) -> None:
        for session_id in ended:
            await self.revocations.session_ended(session_id)


@dataclass(frozen=True, kw_only=True)
class SetUserStatus(ManageUser):
    """Let a user in or keep them out; whoever may not come in any more is out within seconds."""

    async def __call__(
        self, user_id: UUID, status: UserStatus, *, reason: str | None, address: str | None
    ) -> User:
        tenant_id, now = await self._tenant_of(user_id), self.clock()
        ended: Sequence[UUID] = []
        async with self.unit_of_work(tenant_id) as uow:
            user = await self._managed(uow, user_id)
            if status is not UserStatus.ACTIVE:
                await self._refuse_break_glass(uow, user)
            before, user.status = user.status, status
            user.updated_at = now
            if status is UserStatus.ACTIVE:
                uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
            else:
                ended = await self._end_sessions(uow, user, now=now)
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.USER_STATUS_CHANGED,
                    f"Status changed from {before} to {status}.",
                    entity=("user", user.id),
                    risk=Risk.HIGH,
                    address=address,
                    details={"before": before, "after": status, "reason": reason},
                ),
                now=now,
            )
        await self._announce(ended)
        return user


@dataclass(frozen=True, kw_only=True)
class SetUserRole(ManageUser):
    """Give a user another role; their sessions end, since tokens say what the old one allowed."""

    async def __call__(self, user_id: UUID, role: Role, *, address: str | None) -> User:
        # Super admins come from the environment alone.
        if role is Role.SUPER_ADMIN:
            raise RoleNotAllowed
        # A key that leaked must not make itself an admin of flesh and blood.
        if role is Role.ADMIN and self.caller.kind is CallerKind.API_KEY:
            raise RoleNotAllowed
        await self._require_proof()
        tenant_id, now = await self._tenant_of(user_id), self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            user = await self._managed(uow, user_id)
            if user.role == Role.SUPER_ADMIN:
                raise RoleNotAllowed
            if role is not Role.ADMIN:
                await self._refuse_break_glass(uow, user)
            before, user.role = user.role, role
            ended = await self._end_sessions(uow, user, now=now)
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.USER_ROLE_CHANGED,
                    f"Role changed from {before} to {role}.",
                    entity=("user", user.id),
                    risk=Risk.HIGH,
                    address=address,
                    details={"before": before, "after": role},
                ),
                now=now,
            )
        await self._announce(ended)
        return user


@dataclass(frozen=True, kw_only=True)
class ForcePasswordReset(ManageUser):
    """Make all that opens an account worthless, and mail its user a link for a new password.

    Second factors are taken away by people only: a key that leaked must not.
    """

    async def __call__(self, user_id: UUID, *, address: str | None) -> User:
        await self._require_proof()
        tenant_id, now = await self._tenant_of(user_id), self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            user = await self._managed(uow, user_id)
            user.password_reset_required = True
            pair_hashes = await revoke_keys(uow, user, now=now)
            if self.caller.kind is CallerKind.USER:
                await remove_factors(uow, user, now=now)
            ended = await self._end_sessions(uow, user, now=now)
            uow.jobs.add(SendPasswordReset(user_id=user.id))
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.PASSWORD_RESET_FORCED,
                    "A new password was demanded.",
                    entity=("user", user.id),
                    risk=Risk.HIGH,
                    address=address,
                    details={"sessions_ended": len(ended), "api_keys": len(pair_hashes)},
                ),
                now=now,
            )
        await self._announce(ended)
        for pair_hash in pair_hashes:
            await self.revocations.api_key_revoked(pair_hash)
        return user


@dataclass(frozen=True, kw_only=True)
class ResetMfa(ManageUser):
    """Take all second factors of a user away who has lost them; their sessions end."""

    async def __call__(self, user_id: UUID, *, address: str | None) -> User:
        await self._require_proof()
        tenant_id, now = await self._tenant_of(user_id), self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            user = await self._managed(uow, user_id)
            had_app, passkeys = await remove_factors(uow, user, now=now)
            ended = await self._end_sessions(uow, user, now=now)
            uow.jobs.add(SendNotice(user_id=user.id, notice="mfa_reset"))
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.MFA_RESET,
                    "All second factors were taken away by an admin.",
                    entity=("user", user.id),
                    risk=Risk.CRITICAL,
                    address=address,
                    details={"authenticator_app": had_app, "passkeys": passkeys},
                ),
                now=now,
            )
        await self._announce(ended)
        return user
