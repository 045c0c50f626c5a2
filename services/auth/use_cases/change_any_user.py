"""The platform's people change a user of any company."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from libs.common.events.catalogue.auth import UserUpdated
from services.auth.domain.accounts import Role, UserStatus, clean_email
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk, by
from services.auth.domain.email_domains import domain_of
from services.auth.domain.errors import RoleNotAllowed
from services.auth.domain.mails import SendVerification
from services.auth.domain.tokens import Purpose
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork
from services.auth.use_cases.manage_users import ManageUser
from services.auth.use_cases.reach_company import note, note_in_own_trail


@dataclass(frozen=True, kw_only=True)
class UserChanges:
    """What becomes of a user; what is None stays."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    role: Role | None = None
    status: UserStatus | None = None
    email_verified: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ChangeAnyUser(ManageUser):
    """Change a user, all of it or nothing; whoever may not come in any more is out in seconds.

    Another address is another way in: links mailed to the old one are worth nothing then, and
    the new one counts as unproven unless it is said to be verified.
    """

    async def __call__(self, user_id: UUID, wanted: UserChanges, *, address: str | None) -> User:
        """Return the changed user.

        Raises:
            UserNotFound: There is none.
            OwnAccount: It is the caller.
            RoleNotAllowed: It is a super admin, or would become one.
            ProtectedUser: Single sign-on is demanded, and this is who gets in without.
            EmailTaken: Somebody else has the address.
            StepUpRequired: The caller must prove who they are.
        """
        if wanted.role is Role.SUPER_ADMIN:
            raise RoleNotAllowed
        if wanted.email is not None:
            wanted = replace(wanted, email=clean_email(wanted.email))
        await self._require_proof()
        tenant_id, now = await self._tenant_of(user_id), self.clock()
        async with self.unit_of_work(tenant_id) as uow:
            changed = _differing(await self._changeable(uow, user_id, wanted), wanted)
        told = by(
            self.caller,
            AuditEvent.USER_UPDATED,
            "User changed by the platform.",
            entity=("user", user_id),
            risk=Risk.HIGH,
            address=address,
            # Who people are goes when they do; this trail stays.
            details={"company_id": str(tenant_id), "changed": sorted(changed)},
        )
        await note_in_own_trail(self.unit_of_work, self.caller, tenant_id, told, now=now)
        async with self.unit_of_work(tenant_id) as uow:
            user = await self._changeable(uow, user_id, wanted)
            changed = _differing(user, wanted)
            records = list(self._records(user, changed, address=address))
            ended = await self._apply(uow, user, changed, now=now)
            for record in records:
                await note(uow, self.caller, record, now=now)
        await self._announce(ended)
        return user

    async def _changeable(self, uow: AuthUnitOfWork, user_id: UUID, wanted: UserChanges) -> User:
        user = await self._managed(uow, user_id)
        if user.role == Role.SUPER_ADMIN:
            raise RoleNotAllowed
        keeps_in = wanted.status in (None, UserStatus.ACTIVE) and wanted.role in (None, Role.ADMIN)
        if not keeps_in or wanted.email is not None:
            await self._refuse_break_glass(uow, user)
        return user

    async def _apply(
        self, uow: AuthUnitOfWork, user: User, changed: Mapping[str, object], *, now: datetime
    ) -> list[UUID]:
        if not changed:
            return []
        for name, value in changed.items():
            setattr(user, name, value)
        user.updated_at = now
        await uow.users.flush()
        if "email" in changed:
            for purpose in (Purpose.RESET_PASSWORD, Purpose.VERIFY_EMAIL):
                await uow.one_time_tokens.use_all_of(user.id, purpose=purpose, now=now)
            if not user.email_verified:
                uow.jobs.add(SendVerification(user_id=user.id))
        if {"email", "role"} & changed.keys() or not user.is_active:
            return list(await self._end_sessions(uow, user, now=now))
        uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
        return []

    def _records(
        self, user: User, changed: Mapping[str, object], *, address: str | None
    ) -> Iterator[AuditRecord]:
        def record(event: AuditEvent, what: str, **details: object) -> AuditRecord:
            return by(
                self.caller,
                event,
                f"{what} changed by the platform.",
                entity=("user", user.id),
                risk=Risk.HIGH,
                address=address,
                details=details,
            )

        if "role" in changed:
            yield record(
                AuditEvent.USER_ROLE_CHANGED, "Role", before=user.role, after=changed["role"]
            )
        if "status" in changed:
            yield record(
                AuditEvent.USER_STATUS_CHANGED,
                "Status",
                before=user.status,
                after=changed["status"],
            )
        if "email" in changed:
            yield record(
                AuditEvent.EMAIL_CHANGED,
                "E-mail address",
                before=domain_of(user.email),
                after=domain_of(str(changed["email"])),
            )
        others = changed.keys() - {"role", "status", "email"}
        if others:
            yield record(AuditEvent.USER_UPDATED, "User", fields=sorted(others))


def _differing(user: User, wanted: UserChanges) -> dict[str, object]:
    changed = {
        name: value
        for name, value in vars(wanted).items()
        if value is not None and value != getattr(user, name)
    }
    if "email" in changed and user.email_verified and not wanted.email_verified:
        # It was the old address that was proven.
        changed["email_verified"] = False
    return changed
