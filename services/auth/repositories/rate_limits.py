"""Rate limits of a company's own."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.rate_limits import Rate
from services.auth.domain.limits import LimitSource
from services.auth.models.rate_limits import RateLimitRow


class RateLimitRepository:
    """Reads and writes one tenant's limits."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def all(self) -> dict[LimitSource, dict[str, Rate]]:
        """Return the limits by who has set them, and by class."""
        query = select(RateLimitRow).where(RateLimitRow.tenant_id == self.tenant_id)
        found: dict[LimitSource, dict[str, Rate]] = {source: {} for source in LimitSource}
        for row in await self.session.scalars(query):
            found[LimitSource(row.source)][row.name] = Rate(row.requests, row.per_seconds)
        return found

    async def replace(
        self, rates: Mapping[str, Rate], *, source: LimitSource, now: datetime
    ) -> None:
        """Put limits in place of those that the same source has set before."""
        await self.session.execute(
            delete(RateLimitRow).where(
                RateLimitRow.tenant_id == self.tenant_id, RateLimitRow.source == source
            )
        )
        self.session.add_all(
            RateLimitRow(
                tenant_id=self.tenant_id,
                name=name,
                source=source,
                requests=rate.limit,
                per_seconds=rate.per_seconds,
                set_at=now,
            )
            for name, rate in rates.items()
        )
        await self.session.flush()
