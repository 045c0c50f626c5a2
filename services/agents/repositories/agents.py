"""Agents, for changing them; `agent_reader` is for showing them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update

from libs.common.database import TenantRepository
from services.agents.models import Agent


class AgentRepository(TenantRepository[Agent]):
    """A tenant's agents, deleted ones included unless said otherwise."""

    model = Agent

    async def locked(self, agent_id: UUID) -> Agent | None:
        """Return an agent, deleted or not, that nobody else changes until we commit."""
        query = self.owned().where(Agent.id == agent_id).with_for_update()
        found: Agent | None = await self.session.scalar(query)
        return found

    async def living(self, agent_id: UUID) -> Agent | None:
        """Return an agent that is not deleted."""
        query = self.owned().where(Agent.id == agent_id, Agent.deleted_at.is_(None))
        found: Agent | None = await self.session.scalar(query)
        return found

    async def named(self, name: str) -> Agent | None:
        """Return the living agent of this name in any case, the oldest where several share it."""
        query = (
            self.owned()
            .where(func.lower(Agent.name) == func.lower(name), Agent.deleted_at.is_(None))
            .order_by(Agent.id)
            .limit(1)
        )
        found: Agent | None = await self.session.scalar(query)
        return found

    async def all_living(self, *, limit: int) -> Sequence[Agent]:
        """Return the agents that are not deleted, oldest first."""
        query = self.owned().where(Agent.deleted_at.is_(None)).order_by(Agent.id).limit(limit)
        return (await self.session.scalars(query)).all()

    async def count_using(self, settings_id: UUID) -> int:
        """Count the living agents that use these settings, be it to fall back on."""
        query = select(func.count()).where(
            Agent.tenant_id == self.tenant_id,
            _uses(settings_id),
            Agent.deleted_at.is_(None),
        )
        return await self.session.scalar(query) or 0

    async def unversioned_using(self, settings_id: UUID) -> Sequence[Agent]:
        """Return living agents with these settings that have no version yet, for us alone."""
        query = (
            self.owned()
            .where(
                Agent.llm_settings_id == settings_id,
                Agent.deleted_at.is_(None),
                Agent.live_version.is_(None),
            )
            .order_by(Agent.id)
            .with_for_update()
        )
        return (await self.session.scalars(query)).all()

    async def count_up_using(self, settings_id: UUID, *, now: datetime) -> Sequence[Agent]:
        """Give each living agent with these settings a new version, and return them."""
        query = (
            update(Agent)
            .where(
                Agent.tenant_id == self.tenant_id,
                _uses(settings_id),
                Agent.deleted_at.is_(None),
            )
            .values(version=Agent.version + 1, updated_at=now)
            .returning(Agent)
            .execution_options(populate_existing=True)
        )
        return (await self.session.scalars(query)).all()

    async def forget_settings(self, settings_id: UUID) -> None:
        """Take these settings from deleted agents, which would have kept them from going."""
        await self.session.execute(
            update(Agent)
            .where(
                Agent.tenant_id == self.tenant_id,
                Agent.llm_settings_id == settings_id,
                Agent.deleted_at.is_not(None),
            )
            .values(llm_settings_id=None)
        )


def _uses(settings_id: UUID) -> ColumnElement[bool]:
    """Return the condition that an agent uses these settings, be it to fall back on."""
    return or_(
        Agent.llm_settings_id == settings_id,
        Agent.fallback_settings_ids.contains([str(settings_id)]),
    )
