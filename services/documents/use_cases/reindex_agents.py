"""Following an agent into another embedding space."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.documents.domain.errors import AgentNotFound
from services.documents.domain.ports import Agents, EmbedderFactory
from services.documents.repositories.unit_of_work import OpenUnitOfWork
from services.documents.use_cases.queue_indexing import queue_indexing

BATCH_SIZE: Final = 200


@dataclass(frozen=True, kw_only=True)
class ReindexAgents:
    """Queue the documents whose vectors lie in another space than their agent now uses."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    agents: Agents
    embedder_for: EmbedderFactory

    async def __call__(self, agent_id: UUID | None) -> int:
        """Look at one agent, or at all of the tenant's; return how many documents were queued.

        Raises:
            AgentsUnavailable: The agents service does not answer; running again may help.
        """
        if agent_id is not None:
            agent_ids = [agent_id]
        else:
            async with self.unit_of_work() as uow:
                agent_ids = list(await uow.documents.agent_ids())
        queued = 0
        for each in agent_ids:
            try:
                # The old state would show nothing to do, and nobody would look again.
                knowledge = await self.agents.find(self.tenant_id, each, fresh=True)
            except AgentNotFound:
                continue
            space = self.embedder_for(knowledge.embedding).space.name
            while batch := await self._queue(each, space):
                queued += batch
        return queued

    async def _queue(self, agent_id: UUID, space: str) -> int:
        async with self.unit_of_work() as uow:
            documents = await uow.documents.outside_space(agent_id, space, limit=BATCH_SIZE)
            for document in documents:
                document.queue_again()
                queue_indexing(uow, document)
            return len(documents)
