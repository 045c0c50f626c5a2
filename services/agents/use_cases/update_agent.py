"""Change an agent, and the models it calls."""

from dataclasses import dataclass
from uuid import UUID

from services.agents.domain.changes import AgentChange, SettingsChange
from services.agents.domain.errors import AgentNotFound
from services.agents.domain.profiles import ModelCall
from services.agents.domain.versions import Action
from services.agents.models import LlmSettings
from services.agents.repositories.agent_reader import AgentReader
from services.agents.repositories.unit_of_work import OpenUnitOfWork
from services.agents.use_cases.agent_events import agent_changed
from services.agents.use_cases.agent_settings import AgentSettings, named_settings
from services.agents.use_cases.agent_views import AgentView
from services.agents.use_cases.applying import apply_change
from services.agents.use_cases.record_version import VersionRecorder, forget_removed_keys
from services.agents.use_cases.settings_views import view_settings


@dataclass(frozen=True, kw_only=True)
class UpdateAgent:
    """Set what is given, keep the rest."""

    unit_of_work: OpenUnitOfWork
    reader: AgentReader
    settings: AgentSettings
    recorder: VersionRecorder
    platform: ModelCall | None

    async def __call__(
        self, agent_id: UUID, change: AgentChange, settings: SettingsChange
    ) -> AgentView:
        """Raises `AgentNotFound`, `SettingsNotFound`, and what `SettingsEditor.apply` raises."""
        view = None
        async with self.unit_of_work() as uow:
            agent = await uow.agents.locked(agent_id)
            if agent is None or agent.is_deleted:
                raise AgentNotFound
            await self.recorder.before(uow, [agent])
            row: LlmSettings | None = None
            notes: list[str] = []
            if "llm_settings_id" in change:
                row = await named_settings(uow, change["llm_settings_id"])
            await apply_change(uow, agent, change)
            if settings:
                row, notes = await self.settings.edit(uow, agent, settings)
                await forget_removed_keys(uow, row, settings)
            elif row is None and agent.llm_settings_id is not None:
                row = await uow.settings.get(agent.llm_settings_id)
            agent_changed(uow, agent)
            await self.recorder.live(uow, [agent], Action.UPDATED)
            if row is not None:
                (view,) = await view_settings(uow, [row], platform=self.platform, notes=notes)
        card = await self.reader.card(agent_id)
        if card is None:
            raise AgentNotFound
        return AgentView(card=card, settings=view)
