"""A company makes a role of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import TooManyRoles
from services.auth.domain.roles import MAX_ROLES, check_name, check_permissions
from services.auth.models.roles import CustomRole
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_user import require_user


@dataclass(frozen=True, kw_only=True)
class CreateRole:
    """Make a role out of permissions that the caller has."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self, *, name: str, description: str, permissions: Sequence[str], address: str | None
    ) -> CustomRole:
        check_name(name)
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            user = await require_user(uow, self.caller)
            checked = check_permissions(permissions, held=await uow.roles.held_by(user))
            if await uow.roles.count() >= MAX_ROLES:
                raise TooManyRoles
            role = CustomRole.made(name=name, description=description, permissions=checked, now=now)
            await uow.roles.store(role)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.ROLE_CREATED,
                    description=f"Role {role.name!r} made.",
                    risk=Risk.HIGH,
                    actor_id=user.id,
                    actor_role=user.role,
                    entity_type="role",
                    entity_id=role.id,
                    address=address,
                    details={"after": {"name": role.name, "permissions": checked}},
                ),
                now=now,
            )
        return role
