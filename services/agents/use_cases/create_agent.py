"""Create an agent with the settings it needs."""

from dataclasses import dataclass

from libs.common.events.catalogue.agents import AgentCreated
from services.agents.domain.changes import AgentChange, SettingsChange
from services.agents.domain.errors import AgentNotFound
from services.agents.domain.profiles import ModelCall
from services.agents.domain.versions import Action
from services.agents.models import Agent
from services.agents.repositories.agent_reader import AgentReader
from services.agents.repositories.unit_of_work import OpenUnitOfWork
from services.agents.use_cases.agent_settings import AgentSettings
from services.agents.use_cases.agent_views import AgentView
from services.agents.use_cases.applying import apply_change
from services.agents.use_cases.record_version import VersionRecorder
from services.agents.use_cases.settings_views import view_settings


@dataclass(frozen=True, kw_only=True)
class CreateAgent:
    """Make an agent that can be asked at once."""

    unit_of_work: OpenUnitOfWork
    reader: AgentReader
    settings: AgentSettings
    recorder: VersionRecorder
    platform: ModelCall | None

    async def __call__(self, change: AgentChange, settings: SettingsChange) -> AgentView:
        """Raises `SettingsNotFound`, and what `SettingsEditor.apply` raises."""
        agent = Agent.named(change["name"])
        async with self.unit_of_work() as uow:
            await apply_change(uow, agent, change)
            uow.agents.add(agent)
            row, notes = await self.settings.choose(
                uow, agent, settings, settings_id=change.get("llm_settings_id")
            )
            uow.outbox.record(
                AgentCreated(agent_id=agent.id),
                aggregate_id=agent.id,
                aggregate_version=agent.version,
            )
            await self.recorder.live(uow, [agent], Action.CREATED)
            (view,) = await view_settings(uow, [row], platform=self.platform, notes=notes)
        card = await self.reader.card(agent.id)
        if card is None:
            raise AgentNotFound
        return AgentView(card=card, settings=view)
