"""Bring a deleted agent back."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.agents import AgentRestored
from services.agents.domain.errors import AgentNotDeleted, AgentNotFound
from services.agents.repositories.agent_reader import AgentCard, AgentReader
from services.agents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class RestoreAgent:
    """Undo a deletion."""

    unit_of_work: OpenUnitOfWork
    reader: AgentReader

    async def __call__(self, agent_id: UUID) -> AgentCard:
        """Raises `AgentNotFound`, or `AgentNotDeleted` when there is nothing to undo."""
        async with self.unit_of_work() as uow:
            agent = await uow.agents.locked(agent_id)
            if agent is None:
                raise AgentNotFound
            if not agent.is_deleted:
                raise AgentNotDeleted
            agent.deleted_at = None
            agent.version += 1
            uow.outbox.record(
                AgentRestored(agent_id=agent_id),
                aggregate_id=agent_id,
                aggregate_version=agent.version,
            )
        card = await self.reader.card(agent_id)
        if card is None:
            raise AgentNotFound
        return card
