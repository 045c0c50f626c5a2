"""Search an agent's documents for somebody who will read the passages themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.conversations.domain.errors import KnowledgeUnavailable
from services.conversations.domain.knowledge import Knowledge
from services.conversations.domain.ports import Agents, KnowledgeBase
from services.conversations.domain.questions import checked_question


@dataclass(frozen=True, kw_only=True)
class SearchKnowledge:
    """Find the passages that an answer would be made from."""

    agents: Agents
    knowledge_base: KnowledgeBase

    async def __call__(
        self, tenant_id: UUID, agent_id: UUID, query: str, *, groups: Sequence[UUID] = ()
    ) -> Knowledge:
        """Return the passages for a member of groups, best first.

        Raises:
            EmptyMessage: Nothing is looked for.
            MessageTooLong: Too much is.
            AgentNotFound: The tenant has no such agent.
            KnowledgeUnavailable: Search is out of reach.
        """
        query = checked_question(query)
        agent = await self.agents.profile(tenant_id, agent_id)
        found = await self.knowledge_base.search(
            tenant_id, agent_id=agent.id, query=query, groups=groups, quotes=0
        )
        if not found.available:
            raise KnowledgeUnavailable
        return found
