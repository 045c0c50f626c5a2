"""Other services' events: what they change here is the cache of agents, in all processes."""

from dataclasses import dataclass

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events import Event, EventEnvelope
from libs.common.events.catalogue.agents import (
    AgentDeleted,
    AgentRestored,
    AgentUpdated,
    BudgetsChanged,
    GuardrailsUpdated,
    SettingsUpdated,
)
from libs.common.events.delivery import EveryOne, Handlers
from services.conversations.adapters.agents import INVALIDATION_CHANNEL


@dataclass(frozen=True)
class ForgetAgents:
    """Have every process drop what it knows of a tenant's agents."""

    redis: Redis

    async def __call__(self, event: Event, envelope: EventEnvelope, session: AsyncSession) -> None:
        """Tell the processes; one that misses it has old profiles for half a minute."""
        del event, session
        await self.redis.publish(INVALIDATION_CHANNEL, str(envelope.tenant_id))


def handlers(redis: Redis) -> Handlers:
    """Return the handlers by event."""
    forget = EveryOne(ForgetAgents(redis))
    return {
        AgentUpdated: forget,
        BudgetsChanged: forget,
        AgentDeleted: forget,
        AgentRestored: forget,
        SettingsUpdated: forget,
        GuardrailsUpdated: forget,
    }
