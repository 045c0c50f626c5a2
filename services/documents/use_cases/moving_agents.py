"""Which agents go along when the platform moves from one embedding model to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.documents.domain.errors import AgentNotFound
from services.documents.domain.moves import TwoModels
from services.documents.domain.ports import Agents, EmbeddingChoice, EmbeddingSpace
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
        return [agent_id for agent_id, own in await self._choices() if own is None]

    async def with_own(self, space: EmbeddingSpace) -> Sequence[UUID]:
        """Return those that have chosen a model of this space themselves, and have documents.

        Raises:
            AgentsUnavailable: The agents service does not answer; running again may help.
        """
        choices = await self._choices()
        return [agent_id for agent_id, own in choices if own is not None and own.space == space]

    async def _choices(self) -> Sequence[tuple[UUID, EmbeddingChoice | None]]:
        async with self.unit_of_work() as uow:
            agent_ids = await uow.documents.agent_ids()
        found = []
        for agent_id in agent_ids:
            try:
                knowledge = await self.agents.find(self.tenant_id, agent_id, fresh=True)
            except AgentNotFound:
                continue
            # By identity: an agent's own choice may name the same model.
            is_platforms = knowledge.embedding is self.models.second
            found.append((agent_id, None if is_platforms else knowledge.embedding))
        return found
