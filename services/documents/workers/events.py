"""Events in: what happens to agents may change the space that their documents belong in.

The caches of agents are emptied elsewhere (`adapters/agent_events.py`), in every process.
"""

from collections.abc import Mapping

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events import Event, EventEnvelope
from libs.common.events.catalogue.agents import AgentRestored, AgentUpdated, SettingsUpdated
from libs.common.events.delivery import Handler
from libs.common.jobs import JobQueue
from services.documents.domain.jobs import ReindexAgents


async def on_agent_changed(
    event: AgentUpdated | AgentRestored, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Look at the agent's documents."""
    await _queue(ReindexAgents(agent_id=event.agent_id), envelope, session)


async def on_settings_updated(
    event: SettingsUpdated, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Look at all documents of the tenant: settings are shared between agents."""
    del event
    await _queue(ReindexAgents(), envelope, session)


async def _queue(job: ReindexAgents, envelope: EventEnvelope, session: AsyncSession) -> None:
    jobs = JobQueue(session, envelope.tenant_id)
    jobs.add(job)
    await jobs.write()


HANDLERS: Mapping[type[Event], Handler] = {
    AgentUpdated: on_agent_changed,
    AgentRestored: on_agent_changed,
    SettingsUpdated: on_settings_updated,
}
