"""The roles that the caller's company made."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.errors import RoleNotFound
from services.auth.models.roles import CustomRole
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ListRoles:
    """Return the company's roles by name."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self) -> Sequence[CustomRole]:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            return await uow.roles.all()


@dataclass(frozen=True, kw_only=True)
class ShowRole:
    """Return one role; another company's is not found."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(self, role_id: UUID) -> CustomRole:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            role = await uow.roles.get(role_id)
        if role is None:
            raise RoleNotFound
        return role
