"""Make a version of an agent without publishing it."""

from dataclasses import dataclass
from uuid import UUID

from services.agents.domain.changes import AgentChange, SettingsChange
from services.agents.domain.versions import SETTINGS_FIELDS, Action
from services.agents.models import Agent, LlmSettings
from services.agents.repositories.unit_of_work import AgentsUnitOfWork, OpenUnitOfWork
from services.agents.use_cases.agent_settings import named_settings
from services.agents.use_cases.applying import apply_change
from services.agents.use_cases.browse_versions import (
    VersionView,
    found_version,
    versioned_agent,
    view_versions,
)
from services.agents.use_cases.record_version import VersionRecorder
from services.agents.use_cases.settings_editing import SettingsEditor
from services.agents.use_cases.version_content import (
    Catalogue,
    KeptKeys,
    content_of,
    put_agent,
    put_settings,
)


@dataclass(frozen=True, kw_only=True)
class DraftVersion:
    """Keep a changed agent as a version of its own; what is live stays as it is."""

    unit_of_work: OpenUnitOfWork
    editor: SettingsEditor
    recorder: VersionRecorder

    async def __call__(
        self,
        agent_id: UUID,
        change: AgentChange,
        settings: SettingsChange,
        *,
        base: int | None = None,
        note: str | None = None,
    ) -> VersionView:
        """Return the new version.

        Args:
            agent_id: Of which agent.
            change: What differs from the base in the agent itself; its status is no part of it.
            settings: What differs in its settings.
            base: The version to start from; the live one unless told.
            note: What it is for.

        Raises:
            AgentNotFound: There is no such agent.
            VersionNotFound: It has no version `base`.
            SettingsNotFound: `llm_settings_id` is unknown; and what `SettingsEditor.apply` raises.
        """
        settings.pop("is_default", None)
        async with self.unit_of_work() as uow:
            agent = await versioned_agent(uow, agent_id, self.recorder, lock=True)
            number = base if base is not None else agent.live_version or 1
            content = (await found_version(uow, agent_id, number)).content
            draft = Agent.named(agent.name)
            draft.id, draft.tenant_id = agent.id, agent.tenant_id
            put_agent(draft, content)
            await apply_change(uow, draft, change)
            row = LlmSettings.blank(agent_id=agent_id)
            is_new = True
            if "llm_settings_id" in change:
                named = await named_settings(uow, change["llm_settings_id"])
                row = await self._trial_row(uow, agent, row, named=named)
                is_new = False
            elif content["settings"] is not None:
                put_settings(row, content["settings"])
                current = None
                if agent.llm_settings_id is not None:
                    current = await uow.settings.get(agent.llm_settings_id)
                await KeptKeys(uow=uow, cipher=self.editor.cipher).put(
                    agent_id, row, content["settings"], current=current
                )
                is_new = False
            notes: list[str] = []
            if settings:
                notes = await self.editor.apply(uow, row, settings, is_new=is_new)
                is_new = False
            kept = None if is_new else row
            if kept is not None:
                await KeptKeys(uow=uow, cipher=self.editor.cipher).keep(
                    agent_id, kept, settings_id=agent.llm_settings_id
                )
            catalogue = await Catalogue.of(uow, [] if kept is None else [kept])
            numbers = await uow.versions.last_numbers([agent_id])
            version = uow.versions.add(
                agent_id,
                numbers[agent_id] + 1,
                content_of(draft, kept, catalogue),
                action=Action.DRAFTED,
                by=self.recorder.by,
                note=note,
            )
            await uow.session.flush()
            (view,) = await view_versions(uow, agent, [version], notes=notes)
        return view

    async def _trial_row(
        self, uow: AgentsUnitOfWork, agent: Agent, row: LlmSettings, *, named: LlmSettings
    ) -> LlmSettings:
        """Return the named settings as a record that is not stored."""
        for name in SETTINGS_FIELDS:
            setattr(row, name, getattr(named, name))
        await KeptKeys(uow=uow, cipher=self.editor.cipher).put(agent.id, row, {}, current=named)
        return row
