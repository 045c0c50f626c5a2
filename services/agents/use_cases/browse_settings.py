"""Show LLM settings: one, all of the company's, or an agent's."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.agents.domain.errors import AgentNotFound, SettingsNotFound
from services.agents.domain.profiles import ModelCall
from services.agents.repositories.unit_of_work import OpenUnitOfWork
from services.agents.use_cases.settings_views import SettingsView, view_settings

MAX_LISTED = 1000


@dataclass(frozen=True, kw_only=True)
class BrowseSettings:
    """Show settings as they are, with what they come to."""

    unit_of_work: OpenUnitOfWork
    platform: ModelCall | None

    async def one(self, settings_id: UUID) -> SettingsView:
        """Raises `SettingsNotFound`."""
        async with self.unit_of_work() as uow:
            row = await uow.settings.get(settings_id)
            if row is None:
                raise SettingsNotFound
            (view,) = await view_settings(uow, [row], platform=self.platform)
        return view

    async def all(self) -> Sequence[SettingsView]:
        """Return the company's settings, oldest first."""
        async with self.unit_of_work() as uow:
            rows = await uow.settings.all(limit=MAX_LISTED)
            return await view_settings(uow, rows, platform=self.platform)

    async def of_agent(self, agent_id: UUID) -> tuple[SettingsView | None, Sequence[SettingsView]]:
        """Return the settings an agent uses now, and all that were made for it.

        Raises:
            AgentNotFound: Or it is deleted.
        """
        async with self.unit_of_work() as uow:
            agent = await uow.agents.living(agent_id)
            if agent is None:
                raise AgentNotFound
            current = agent.llm_settings_id
            rows = await uow.settings.of_agent(agent_id, current_id=current)
            views = await view_settings(uow, rows, platform=self.platform)
        used = next((view for view in views if view.settings.id == current), None)
        return used, views
