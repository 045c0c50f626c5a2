"""Show agents: one, one by name, a page of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.agents.domain.errors import AgentNotFound
from services.agents.repositories.agent_reader import AgentCard, AgentReader


@dataclass(frozen=True, kw_only=True)
class BrowseAgents:
    """Show a tenant's own agents."""

    reader: AgentReader

    async def one(self, agent_id: UUID) -> AgentCard | None:
        """Return an agent; None when the tenant has none with this id."""
        return await self.reader.card(agent_id)

    async def named(self, name: str) -> AgentCard:
        """Raises `AgentNotFound`; case does not matter."""
        card = await self.reader.named(name)
        if card is None:
            raise AgentNotFound
        return card

    async def page(
        self, *, status: str | None, search: str | None, page: int, per_page: int
    ) -> tuple[Sequence[AgentCard], int]:
        """Return one page, oldest first, and the number of agents on all pages."""
        return await self.reader.page(
            status=status, search=search, limit=per_page, offset=(page - 1) * per_page
        )
