"""Following an agent out of sight and back."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.documents.domain.errors import AgentNotFound
from services.documents.domain.ports import Agents
from services.documents.repositories.unit_of_work import OpenUnitOfWork
from services.documents.use_cases.delete_documents import delete
from services.documents.use_cases.restore_document import show_again

BATCH_SIZE: Final = 200


@dataclass(frozen=True, kw_only=True)
class FollowAgent:
    """Delete the documents of an agent that is deleted; restore them when it is back.

    The agent itself is asked, so events that come late or twice do no harm. What was deleted
    before the agent was stays deleted; what is erased for good by then is gone.
    """

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    agents: Agents

    async def __call__(self, agent_id: UUID) -> int:
        """Return how many documents were hidden or shown.

        Raises:
            AgentsUnavailable: The agents service does not answer; running again may help.
        """
        try:
            await self.agents.find(self.tenant_id, agent_id, fresh=True)
        except AgentNotFound:
            step = self._hide
        else:
            step = self._show
        count = 0
        while done := await step(agent_id):
            count += done
        return count

    async def _hide(self, agent_id: UUID) -> int:
        async with self.unit_of_work() as uow:
            documents = await uow.documents.of_agent(agent_id, limit=BATCH_SIZE)
            for document in documents:
                delete(uow, document)
                document.deleted_with_agent = True
            return len(documents)

    async def _show(self, agent_id: UUID) -> int:
        async with self.unit_of_work() as uow:
            documents = await uow.documents.deleted_with_agent(agent_id, limit=BATCH_SIZE)
            for document in documents:
                twin = await uow.documents.with_content(agent_id, document.content_hash)
                document.deleted_with_agent = False
                if twin is None:
                    show_again(uow, document)
            return len(documents)
