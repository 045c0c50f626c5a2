"""Change LLM settings."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.database.models import utc_now
from libs.common.events.catalogue.agents import AgentUpdated, SettingsUpdated
from services.agents.domain.changes import SettingsChange
from services.agents.domain.errors import SettingsNotFound
from services.agents.domain.profiles import ModelCall
from services.agents.domain.versions import Action
from services.agents.repositories.unit_of_work import AgentsUnitOfWork, OpenUnitOfWork
from services.agents.use_cases.record_version import VersionRecorder, forget_removed_keys
from services.agents.use_cases.settings_editing import SettingsEditor
from services.agents.use_cases.settings_views import SettingsView, view_settings


@dataclass(frozen=True, kw_only=True)
class UpdateSettings:
    """Change settings; every agent that uses them gets a new version."""

    unit_of_work: OpenUnitOfWork
    editor: SettingsEditor
    recorder: VersionRecorder
    platform: ModelCall | None

    async def __call__(self, settings_id: UUID, change: SettingsChange) -> SettingsView:
        """Raises `SettingsNotFound`, and what `SettingsEditor.apply` raises."""
        async with self.unit_of_work() as uow:
            row = await uow.settings.locked(settings_id)
            if row is None:
                raise SettingsNotFound
            await self.recorder.before(uow, await uow.agents.unversioned_using(settings_id))
            notes = await self.editor.apply(uow, row, change)
            await forget_removed_keys(uow, row, change)
            row.version += 1
            await settings_changed(uow, settings_id, version=row.version, recorder=self.recorder)
            (view,) = await view_settings(uow, [row], platform=self.platform, notes=notes)
        return view


async def settings_changed(
    uow: AgentsUnitOfWork, settings_id: UUID, *, version: int, recorder: VersionRecorder
) -> None:
    """Record the change of settings, and of every agent that uses them."""
    uow.outbox.record(
        SettingsUpdated(settings_id=settings_id),
        aggregate_id=settings_id,
        aggregate_version=version,
    )
    agents = await uow.agents.count_up_using(settings_id, now=utc_now())
    await recorder.live(uow, agents, Action.SETTINGS)
    for agent in agents:
        uow.outbox.record(
            AgentUpdated(agent_id=agent.id),
            aggregate_id=agent.id,
            aggregate_version=agent.version,
        )
