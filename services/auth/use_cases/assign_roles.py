"""Which of the company's roles a user has."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.auth import UserUpdated
from libs.common.permissions import Scope
from libs.common.security import Caller
from services.auth.domain.accounts import ADMIN_ROLES
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import AdminNotNarrowed, RoleNotFound, UserNotFound
from services.auth.domain.roles import check_reach
from services.auth.models.roles import CustomRole
from services.auth.repositories.roles import allowed_by
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_user import require_user


@dataclass(frozen=True, kw_only=True)
class UserRoles:
    """A user's roles, and what all of them together allow."""

    user_id: UUID
    role: str
    custom: Sequence[CustomRole]
    permissions: Sequence[Scope]


@dataclass(frozen=True, kw_only=True)
class ShowUserRoles:
    """Return the roles of a user of the company."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self, user_id: UUID) -> UserRoles:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            user = await uow.users.get(user_id)
            if user is None:
                raise UserNotFound
            custom = await uow.roles.of_user(user_id)
        return UserRoles(
            user_id=user_id,
            role=user.role,
            custom=custom,
            permissions=sorted(allowed_by(user.role, custom)),
        )


@dataclass(frozen=True, kw_only=True)
class AssignRoles:
    """Give a user these roles in place of those before; it bites within seconds.

    What the user may do afterwards must not go beyond what the caller may: also taking the last
    role away hands something out, namely all that a plain user may.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self, user_id: UUID, role_ids: Sequence[UUID], *, address: str | None
    ) -> UserRoles:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            actor = await require_user(uow, self.caller)
            user = await uow.users.get(user_id)
            if user is None:
                raise UserNotFound
            custom = await uow.roles.named(role_ids)
            if len(custom) != len(set(role_ids)):
                raise RoleNotFound
            if custom and user.role in ADMIN_ROLES:
                raise AdminNotNarrowed
            before = await uow.roles.of_user(user_id)
            allowed = allowed_by(user.role, custom)
            check_reach(
                allowed - allowed_by(user.role, before), held=await uow.roles.held_by(actor)
            )
            await uow.roles.assign(user_id, custom, now=now)
            uow.outbox.record(UserUpdated(user_id=user.id), aggregate_id=user.id)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.USER_ROLES_CHANGED,
                    description="Roles of a user changed.",
                    risk=Risk.HIGH,
                    actor_id=actor.id,
                    actor_role=actor.role,
                    entity_type="user",
                    entity_id=user.id,
                    address=address,
                    details={
                        "before": [role.name for role in before],
                        "after": [role.name for role in custom],
                    },
                ),
                now=now,
            )
        return UserRoles(
            user_id=user_id, role=user.role, custom=custom, permissions=sorted(allowed)
        )
