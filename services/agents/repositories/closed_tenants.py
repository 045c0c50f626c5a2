"""Whether a tenant is closed, as auth has told it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.agents.models import ClosedTenant


class ClosedTenants:
    """One tenant's mark."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def close(self, *, at: datetime) -> None:
        """Mark the tenant closed."""
        query = insert(ClosedTenant).values(tenant_id=self.tenant_id, closed_at=at)
        await self.session.execute(query.on_conflict_do_nothing())

    async def reopen(self) -> None:
        """Take the mark away."""
        await self.session.execute(
            delete(ClosedTenant).where(ClosedTenant.tenant_id == self.tenant_id)
        )
