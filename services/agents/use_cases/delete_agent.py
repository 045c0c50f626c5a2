"""Hide an agent; it can be restored."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database.models import utc_now
from libs.common.events.catalogue.agents import AgentDeleted
from services.agents.domain.errors import AgentInUse, AgentNotFound
from services.agents.models import Agent
from services.agents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class DeleteAgent:
    """Mark an agent deleted."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, agent_id: UUID) -> Agent:
        """Raises `AgentNotFound`, or `AgentInUse` while it has active conversations."""
        async with self.unit_of_work() as uow:
            agent = await uow.agents.locked(agent_id)
            if agent is None or agent.is_deleted:
                raise AgentNotFound
            stats = await uow.stats.of(agent_id)
            if stats is not None and stats.active_conversations > 0:
                raise AgentInUse(
                    f"The agent still has {stats.active_conversations} active conversation(s)."
                    " Delete those first.",
                    details={"active_conversations": stats.active_conversations},
                )
            agent.deleted_at = utc_now()
            agent.version += 1
            uow.outbox.record(
                AgentDeleted(agent_id=agent_id),
                aggregate_id=agent_id,
                aggregate_version=agent.version,
            )
        return agent
