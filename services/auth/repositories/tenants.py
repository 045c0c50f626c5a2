"""The tenant's own row."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models.tenants import Tenant


class TenantRecord:
    """The one row of `tenants` that this unit of work can see."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    def add(self, tenant: Tenant) -> None:
        """Store a new company; the unit of work must be opened for its id."""
        self.session.add(tenant)

    async def get(self, *, locked: bool = False) -> Tenant | None:
        """Return the company unless it was deleted; locked, until the transaction ends."""
        query = select(Tenant).where(
            Tenant.tenant_id == self.tenant_id, Tenant.deleted_at.is_(None)
        )
        found: Tenant | None = await self.session.scalar(
            query.with_for_update() if locked else query
        )
        return found

    async def get_in_any_state(self, *, locked: bool = False) -> Tenant | None:
        """Return the company, deleted or not."""
        query = select(Tenant).where(Tenant.tenant_id == self.tenant_id)
        found: Tenant | None = await self.session.scalar(
            query.with_for_update() if locked else query
        )
        return found
