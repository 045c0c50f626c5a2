"""Events in: what happens to agents hides their documents, or moves them to another space.

The caches of agents are emptied elsewhere (`adapters/agent_events.py`), in every process.
"""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events import Event, EventEnvelope
from libs.common.events.catalogue.agents import (
    AgentDeleted,
    AgentRestored,
    AgentUpdated,
    SettingsUpdated,
)
from libs.common.events.delivery import Handler
from libs.common.jobs import Job, JobQueue
from services.documents.domain.jobs import FollowAgent, ReindexAgents


async def on_agent_deleted(
    event: AgentDeleted, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Hide the agent's documents."""
    await _queue(FollowAgent(agent_id=event.agent_id), envelope, session)


async def on_agent_restored(
    event: AgentRestored, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Show the agent's documents again; its models may be others by now."""
    await _queue(FollowAgent(agent_id=event.agent_id), envelope, session)
    await _queue(ReindexAgents(agent_id=event.agent_id), envelope, session)


async def on_agent_changed(
    event: AgentUpdated, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Look at the agent's documents."""
    await _queue(ReindexAgents(agent_id=event.agent_id), envelope, session)


async def on_settings_updated(
    event: SettingsUpdated, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Look at all documents of the tenant: settings are shared between agents."""
    del event
    await _queue(ReindexAgents(), envelope, session)


async def _queue(job: Job, envelope: EventEnvelope, session: AsyncSession) -> None:
    jobs = JobQueue(session, envelope.tenant_id)
    jobs.add(job)
    await jobs.write()


HANDLERS: Mapping[type[Event], Handler] = {
    AgentUpdated: on_agent_changed,
    AgentDeleted: on_agent_deleted,
    AgentRestored: on_agent_restored,
    SettingsUpdated: on_settings_updated,
}
