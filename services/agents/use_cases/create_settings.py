"""Create LLM settings, for an agent or for the company."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.agents import SettingsUpdated
from services.agents.domain.changes import SettingsChange
from services.agents.domain.errors import AgentNotFound
from services.agents.domain.profiles import ModelCall
from services.agents.domain.versions import Action
from services.agents.models import LlmSettings
from services.agents.repositories.unit_of_work import OpenUnitOfWork
from services.agents.use_cases.agent_events import agent_changed
from services.agents.use_cases.record_version import VersionRecorder
from services.agents.use_cases.settings_editing import SettingsEditor
from services.agents.use_cases.settings_views import SettingsView, view_settings


@dataclass(frozen=True, kw_only=True)
class CreateSettings:
    """Keep settings; those made for an agent are used by it at once."""

    unit_of_work: OpenUnitOfWork
    editor: SettingsEditor
    recorder: VersionRecorder
    platform: ModelCall | None

    async def __call__(self, change: SettingsChange, *, agent_id: UUID | None) -> SettingsView:
        """Raises `AgentNotFound`, and what `SettingsEditor.apply` raises."""
        async with self.unit_of_work() as uow:
            row = LlmSettings.blank(agent_id=agent_id)
            notes = await self.editor.apply(uow, row, change, is_new=True)
            uow.settings.add(row)
            if agent_id is not None:
                agent = await uow.agents.locked(agent_id)
                if agent is None or agent.is_deleted:
                    raise AgentNotFound
                await self.recorder.before(uow, [agent])
                agent.llm_settings_id = row.id
                agent_changed(uow, agent)
                await self.recorder.live(uow, [agent], Action.UPDATED)
            uow.outbox.record(
                SettingsUpdated(settings_id=row.id),
                aggregate_id=row.id,
                aggregate_version=row.version,
            )
            await uow.session.flush()
            (view,) = await view_settings(uow, [row], platform=self.platform, notes=notes)
        return view
