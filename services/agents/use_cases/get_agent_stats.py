"""Tell how an agent is used."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.agents.domain.errors import AgentNotFound
from services.agents.domain.profiles import ModelCall
from services.agents.repositories.agent_reader import AgentCard, AgentReader
from services.agents.repositories.unit_of_work import OpenUnitOfWork
from services.agents.use_cases.settings_views import SettingsView, view_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentUsage:
    """An agent, what it has done, and what it knows."""

    card: AgentCard
    settings: SettingsView | None
    documents_count: int
    last_indexed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class GetAgentStats:
    """Counters come from other services' events, so they may lag by a moment."""

    unit_of_work: OpenUnitOfWork
    reader: AgentReader
    platform: ModelCall | None

    async def __call__(self, agent_id: UUID) -> AgentUsage:
        """Raises `AgentNotFound`."""
        card = await self.reader.card(agent_id)
        if card is None:
            raise AgentNotFound
        documents_count, last_indexed_at = await self.reader.documents(agent_id)
        view = None
        if card.llm_settings_id is not None:
            async with self.unit_of_work() as uow:
                row = await uow.settings.get(card.llm_settings_id)
                if row is not None:
                    (view,) = await view_settings(uow, [row], platform=self.platform)
        return AgentUsage(
            card=card,
            settings=view,
            documents_count=documents_count,
            last_indexed_at=last_indexed_at,
        )
