"""The base of repositories: every query begins at `owned()`, narrowed to the tenant.

Row-level security stands behind it; the explicit predicate lets the planner use the keys, which
all begin with the tenant, and keeps a mistake in one of the two walls from being a leak.
"""

from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database.models import TenantOwned

M = TypeVar("M", bound=TenantOwned)


class TenantRepository(Generic[M]):
    """One tenant's rows of one table."""

    # A class variable cannot be generic (PEP 526); subclasses give the M of their base.
    model: ClassVar[type[Any]]

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    def owned(self) -> Select[M]:
        """Select the tenant's own rows, to be narrowed further."""
        return select(self.model).where(self.model.tenant_id == self.tenant_id)

    def add(self, entity: M) -> None:
        """Make `entity` a row of this tenant, written at the next flush."""
        entity.tenant_id = self.tenant_id
        self.session.add(entity)

    async def get(self, id: UUID) -> M | None:  # noqa: A002 - the column's name
        """Return the row with this id; None when there is none, or it is another tenant's."""
        found: M | None = await self.session.scalar(self.owned().where(self.model.id == id))
        return found

    async def remove(self, entity: M) -> None:
        """Delete the row for good."""
        await self.session.delete(entity)
