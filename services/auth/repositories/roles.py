"""Roles of a company's own, and who has them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from libs.common.database import TenantRepository
from libs.common.permissions import Scope
from services.auth.domain.errors import RoleInUse, RoleNameTaken
from services.auth.domain.roles import permissions_of
from services.auth.models.roles import CustomRole, UserRole
from services.auth.models.users import User


class RoleRepository(TenantRepository[CustomRole]):
    """Reads and writes a tenant's roles."""

    model = CustomRole

    async def store(self, role: CustomRole) -> None:
        """Write a new or changed role.

        Raises:
            RoleNameTaken: The company has one of this name.
        """
        self.add(role)
        try:
            await self.session.flush()
        except IntegrityError as error:
            if "uq_roles_tenant_id_name_key" in str(error.orig):
                raise RoleNameTaken from error
            raise

    async def drop(self, role: CustomRole) -> None:
        """Delete a role.

        Raises:
            RoleInUse: Somebody has it.
        """
        await self.remove(role)
        try:
            await self.session.flush()
        except IntegrityError as error:
            raise RoleInUse from error

    async def locked(self, role_id: UUID) -> CustomRole | None:
        """Return a role, nobody else changing it until the transaction ends."""
        query = self.owned().where(CustomRole.id == role_id).with_for_update()
        found: CustomRole | None = await self.session.scalar(query)
        return found

    async def all(self) -> Sequence[CustomRole]:
        """Return the company's roles by name."""
        return (await self.session.scalars(self.owned().order_by(CustomRole.name_key))).all()

    async def count(self) -> int:
        """Count the company's roles."""
        query = select(func.count()).select_from(self.owned().subquery())
        return await self.session.scalar(query) or 0

    async def named(self, role_ids: Iterable[UUID]) -> Sequence[CustomRole]:
        """Return those of the company's roles that have one of these ids."""
        query = self.owned().where(CustomRole.id.in_(list(role_ids)))
        # Shared: none of them is changed or deleted while somebody is given it.
        query = query.order_by(CustomRole.name_key).with_for_update(read=True)
        return (await self.session.scalars(query)).all()

    async def of_user(self, user_id: UUID) -> Sequence[CustomRole]:
        """Return the company's roles that a user has."""
        query = (
            self.owned()
            .join(
                UserRole,
                (UserRole.tenant_id == CustomRole.tenant_id) & (UserRole.role_id == CustomRole.id),
            )
            .where(UserRole.user_id == user_id)
            .order_by(CustomRole.name_key)
        )
        return (await self.session.scalars(query)).all()

    async def held_by(self, user: User) -> frozenset[Scope]:
        """Return what a user may do at this moment."""
        return allowed_by(user.role, await self.of_user(user.id))

    async def assign(self, user_id: UUID, roles: Sequence[CustomRole], *, now: datetime) -> None:
        """Give a user these roles and no others."""
        ids = [role.id for role in roles]
        await self.session.execute(
            delete(UserRole).where(
                UserRole.tenant_id == self.tenant_id,
                UserRole.user_id == user_id,
                UserRole.role_id.not_in(ids),
            )
        )
        for role_id in ids:
            await self.session.execute(
                insert(UserRole)
                .values(tenant_id=self.tenant_id, user_id=user_id, role_id=role_id, assigned_at=now)
                .on_conflict_do_nothing()
            )


def allowed_by(role: str, custom: Sequence[CustomRole]) -> frozenset[Scope]:
    """Return what a built-in role together with a company's own allows."""
    names = [name for one in custom for name in one.permissions]
    return permissions_of(role, names if custom else None)
