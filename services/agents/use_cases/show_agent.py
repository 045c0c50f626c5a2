"""Show an agent to whoever asks: all of it to its own tenant, little to the rest of the world."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database import Database
from services.agents.domain.agents import PublicAgent
from services.agents.domain.errors import AgentNotFound
from services.agents.repositories.agent_reader import (
    AgentCard,
    AgentReader,
    find_public_agent,
)


@dataclass(frozen=True, kw_only=True)
class ShowAgent:
    """The hot path of agents: one statement."""

    database: Database

    async def __call__(self, agent_id: UUID, *, tenant_id: UUID | None) -> AgentCard | PublicAgent:
        """Return an agent as the asker may see it.

        Args:
            agent_id: Anyone's.
            tenant_id: Whose agents the asker may read; None for strangers, and for leads.

        Raises:
            AgentNotFound: There is none; or it is another tenant's and not active.
        """
        if tenant_id is not None:
            card = await AgentReader(self.database, tenant_id).card(agent_id)
            if card is not None:
                return card
        public = await find_public_agent(self.database, agent_id)
        if public is None:
            raise AgentNotFound
        return public
