"""A company deletes one of its roles."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import RoleInUse, RoleNotFound
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class DeleteRole:
    """Delete a role that nobody has and no group gives: without it, somebody could get more."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, role_id: UUID, *, address: str | None) -> None:
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            role = await uow.roles.locked(role_id)
            if role is None:
                raise RoleNotFound
            # Whoever a group gives it to would have more without it.
            if await uow.sso.gives_role(role.id):
                raise RoleInUse
            await uow.roles.drop(role)
            await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.ROLE_DELETED,
                    description=f"Role {role.name!r} deleted.",
                    risk=Risk.HIGH,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="role",
                    entity_id=role.id,
                    address=address,
                    details={"before": {"name": role.name, "permissions": role.permissions}},
                ),
                now=self.clock(),
            )
