"""Which agents go along when the platform moves from one embedding model to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.documents.domain.errors import AgentNotFound
from services.documents.domain.moves import TwoModels
from services.documents.domain.ports import Agents
from services.documents.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class FindMovingAgents:
    """Find a tenant's agents that use the platform's model, whichever that is."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    agents: Agents
    models: TwoModels

    async def __call__(self) -> Sequence[UUID]:
        """Return those that have documents.

        Raises:
            AgentsUnavailable: The agents service does not answer; running again may help.
        """
        async with self.unit_of_work() as uow:
            agent_ids = await uow.documents.agent_ids()
        found = []
        for agent_id in agent_ids:
            try:
                knowledge = await self.agents.find(self.tenant_id, agent_id, fresh=True)
            except AgentNotFound:
                continue
            # By identity: an agent's own choice may name the same model.
            if knowledge.embedding is None or knowledge.embedding is self.models.second:
                found.append(agent_id)
        return found
