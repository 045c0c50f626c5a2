"""Versions of agents, their publication, and the keys kept for them."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database.models import utc_now
from libs.common.ids import new_id
from services.agents.domain.versions import Actor, Content
from services.agents.models import (
    Agent,
    AgentKey,
    AgentPublication,
    AgentVersion,
    AgentVersionStats,
)


class AgentVersionRepository:
    """A tenant's versions."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    def add(
        self,
        agent_id: UUID,
        number: int,
        content: Content,
        *,
        action: str,
        by: Actor,
        note: str | None = None,
    ) -> AgentVersion:
        """Keep a version; the caller holds the agent's row, so its number is free."""
        version = AgentVersion(
            tenant_id=self.tenant_id,
            agent_id=agent_id,
            number=number,
            content=dict(content),
            action=action,
            note=note,
            created_by_kind=by.kind,
            created_by=by.id,
            created_at=utc_now(),
        )
        self.session.add(version)
        return version

    def publish(self, agent: Agent, number: int, *, by: Actor) -> None:
        """Point an agent's alias `live` at a version."""
        self.session.add(
            AgentPublication(
                tenant_id=self.tenant_id,
                id=new_id(),
                agent_id=agent.id,
                number=number,
                previous=agent.live_version,
                created_by_kind=by.kind,
                created_by=by.id,
            )
        )
        agent.live_version = number

    async def one(self, agent_id: UUID, number: int) -> AgentVersion | None:
        """Return one version; None when there is none of that number."""
        found: AgentVersion | None = await self.session.scalar(
            select(AgentVersion).where(
                AgentVersion.tenant_id == self.tenant_id,
                AgentVersion.agent_id == agent_id,
                AgentVersion.number == number,
            )
        )
        return found

    async def page(
        self, agent_id: UUID, *, limit: int, offset: int
    ) -> tuple[Sequence[AgentVersion], int]:
        """Return some versions, newest first, and how many there are."""
        own = (AgentVersion.tenant_id == self.tenant_id, AgentVersion.agent_id == agent_id)
        query = select(AgentVersion).where(*own).order_by(AgentVersion.number.desc())
        rows = (await self.session.scalars(query.limit(limit).offset(offset))).all()
        count = select(func.count()).select_from(AgentVersion).where(*own)
        return rows, await self.session.scalar(count) or 0

    async def last_numbers(self, agent_ids: Collection[UUID]) -> dict[UUID, int]:
        """Return each agent's newest number; agents without versions are left out."""
        query = (
            select(AgentVersion.agent_id, func.max(AgentVersion.number))
            .where(AgentVersion.tenant_id == self.tenant_id, AgentVersion.agent_id.in_(agent_ids))
            .group_by(AgentVersion.agent_id)
        )
        return dict(list((await self.session.execute(query)).all()))

    async def live_contents(self, agents: Sequence[Agent]) -> dict[UUID, Content]:
        """Return what the live versions of these agents hold."""
        query = (
            select(AgentVersion.agent_id, AgentVersion.content)
            .join(
                Agent,
                (Agent.tenant_id == AgentVersion.tenant_id) & (Agent.id == AgentVersion.agent_id),
            )
            .where(
                AgentVersion.tenant_id == self.tenant_id,
                AgentVersion.agent_id.in_([agent.id for agent in agents]),
                AgentVersion.number == Agent.live_version,
            )
        )
        return dict(list((await self.session.execute(query)).all()))

    async def published_at(
        self, agent_id: UUID, numbers: Collection[int]
    ) -> Mapping[int, datetime]:
        """Return when these versions became live the last time; drafts are left out."""
        query = (
            select(AgentPublication.number, func.max(AgentPublication.created_at))
            .where(
                AgentPublication.tenant_id == self.tenant_id,
                AgentPublication.agent_id == agent_id,
                AgentPublication.number.in_(numbers),
            )
            .group_by(AgentPublication.number)
        )
        return dict(list((await self.session.execute(query)).all()))

    async def stats(
        self, agent_id: UUID, numbers: Collection[int]
    ) -> Mapping[int, AgentVersionStats]:
        """Return what came of these versions; those that answered nothing are left out."""
        query = select(AgentVersionStats).where(
            AgentVersionStats.tenant_id == self.tenant_id,
            AgentVersionStats.agent_id == agent_id,
            AgentVersionStats.number.in_(numbers),
        )
        return {row.number: row for row in await self.session.scalars(query)}

    async def keep_key(self, key: AgentKey) -> None:
        """Keep a key as the newest that its agent has for its URL."""
        values = {
            "settings_id": key.settings_id,
            "id": key.id,
            "sealed": key.sealed,
            "hint": key.hint,
            "updated_at": utc_now(),
        }
        query = insert(AgentKey).values(
            tenant_id=self.tenant_id, agent_id=key.agent_id, kind=key.kind, url=key.url, **values
        )
        await self.session.execute(
            query.on_conflict_do_update(constraint="uq_agent_keys_url", set_=values)
        )

    async def keys(self, agent_id: UUID) -> Sequence[AgentKey]:
        """Return the keys kept for an agent."""
        query = select(AgentKey).where(
            AgentKey.tenant_id == self.tenant_id, AgentKey.agent_id == agent_id
        )
        return (await self.session.scalars(query)).all()

    async def forget_keys(self, settings_id: UUID, *, kinds: Collection[str]) -> None:
        """Remove what was kept of these settings' keys, for good."""
        await self.session.execute(
            delete(AgentKey).where(
                AgentKey.tenant_id == self.tenant_id,
                AgentKey.settings_id == settings_id,
                AgentKey.kind.in_(kinds),
            )
        )
