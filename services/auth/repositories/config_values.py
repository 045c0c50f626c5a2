"""Settings of one company, or of the platform."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models.config_values import ConfigValue


class ConfigRepository:
    """Reads and writes one tenant's settings."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def all(self) -> Sequence[ConfigValue]:
        """Return the settings by key."""
        query = (
            select(ConfigValue)
            .where(ConfigValue.tenant_id == self.tenant_id)
            .order_by(ConfigValue.key)
        )
        return (await self.session.scalars(query)).all()

    async def locked(self, key: str) -> ConfigValue | None:
        """Return a setting; nobody else sets one of this tenant until the transaction ends."""
        lock = func.pg_advisory_xact_lock(func.hashtext(f"{self.tenant_id}:config"))
        await self.session.execute(select(lock))
        return await self.session.get(ConfigValue, (self.tenant_id, key))

    async def count(self) -> int:
        """Count the settings."""
        return (
            await self.session.scalar(
                select(func.count()).where(ConfigValue.tenant_id == self.tenant_id)
            )
            or 0
        )

    def add(self, value: ConfigValue) -> None:
        """Store a new setting."""
        value.tenant_id = self.tenant_id
        self.session.add(value)
