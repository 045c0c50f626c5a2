"""A company was closed or opened again."""

from dataclasses import dataclass
from datetime import datetime

from services.agents.repositories.closed_tenants import ClosedTenants


@dataclass(frozen=True, kw_only=True)
class CloseTenant:
    """Hide a company's agents from the public, or show them again; works in an open transaction."""

    closed_tenants: ClosedTenants

    async def __call__(self, *, closed_at: datetime | None) -> None:
        """`closed_at` is None when the company is open again."""
        if closed_at is not None:
            await self.closed_tenants.close(at=closed_at)
        else:
            await self.closed_tenants.reopen()
