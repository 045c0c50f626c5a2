"""LLM settings."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, or_, select, update

from libs.common.database import TenantRepository
from services.agents.models import LlmSettings


class LlmSettingsRepository(TenantRepository[LlmSettings]):
    """A tenant's LLM settings."""

    model = LlmSettings

    async def locked(self, settings_id: UUID) -> LlmSettings | None:
        """Return settings that nobody else changes until we commit."""
        query = self.owned().where(LlmSettings.id == settings_id).with_for_update()
        found: LlmSettings | None = await self.session.scalar(query)
        return found

    async def default(self) -> LlmSettings | None:
        """Return the settings that new agents get when they come with none."""
        found: LlmSettings | None = await self.session.scalar(
            self.owned().where(LlmSettings.is_default)
        )
        return found

    async def all(self, *, limit: int) -> Sequence[LlmSettings]:
        """Return all settings, oldest first."""
        query = self.owned().order_by(LlmSettings.id).limit(limit)
        return (await self.session.scalars(query)).all()

    async def by_ids(self, ids: Collection[UUID], *, lock: bool = False) -> dict[UUID, LlmSettings]:
        """Return the settings that have one of these ids; with `lock` none of them can go."""
        if not ids:
            return {}
        query = self.owned().where(LlmSettings.id.in_(ids)).order_by(LlmSettings.id)
        if lock:
            query = query.with_for_update(read=True)
        rows = await self.session.scalars(query)
        return {row.id: row for row in rows}

    async def of_agent(self, agent_id: UUID, *, current_id: UUID | None) -> Sequence[LlmSettings]:
        """Return the settings made for an agent and those it uses, oldest first."""
        query = self.owned().where(
            or_(LlmSettings.agent_id == agent_id, LlmSettings.id == current_id)
        )
        return (await self.session.scalars(query.order_by(LlmSettings.id))).all()

    async def clear_default(self) -> None:
        """Make room for another default; parallel callers wait for each other."""
        lock = func.pg_advisory_xact_lock(func.hashtext(f"{self.tenant_id}:default_settings"))
        await self.session.execute(select(lock))
        await self.session.execute(
            update(LlmSettings)
            .where(LlmSettings.tenant_id == self.tenant_id, LlmSettings.is_default)
            .values(is_default=False)
        )
