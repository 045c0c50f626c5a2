"""A company changes one of its roles."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.permissions import scopes_named
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import RoleNotFound
from services.auth.domain.roles import check_name, check_permissions, name_key
from services.auth.models.roles import CustomRole
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.require_user import require_user


@dataclass(frozen=True, kw_only=True)
class UpdateRole:
    """Change a role; whoever has it may do by the new one within seconds."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self,
        role_id: UUID,
        *,
        name: str | None,
        description: str | None,
        permissions: Sequence[str] | None,
        address: str | None,
    ) -> CustomRole:
        if name is not None:
            check_name(name)
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            user = await require_user(uow, self.caller)
            role = await uow.roles.locked(role_id)
            if role is None:
                raise RoleNotFound
            before = _shown(role)
            if permissions is not None:
                # What stood in it may stay, also when who changes it could not have put it there.
                held = await uow.roles.held_by(user) | scopes_named(role.permissions)
                role.permissions = check_permissions(permissions, held=held)
            if name is not None:
                role.name, role.name_key = name, name_key(name)
            if description is not None:
                role.description = description
            role.updated_at = now
            await uow.roles.store(role)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.ROLE_UPDATED,
                    description=f"Role {role.name!r} changed.",
                    risk=Risk.HIGH,
                    actor_id=user.id,
                    actor_role=user.role,
                    entity_type="role",
                    entity_id=role.id,
                    address=address,
                    details={"before": before, "after": _shown(role)},
                ),
                now=now,
            )
        return role


def _shown(role: CustomRole) -> dict[str, object]:
    return {
        "name": role.name,
        "description": role.description,
        "permissions": list(role.permissions),
    }
