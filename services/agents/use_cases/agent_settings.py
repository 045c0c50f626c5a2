"""Finds or makes the settings that an agent shall use."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.crypto import Cipher
from services.agents.domain.changes import SettingsChange
from services.agents.domain.errors import SettingsNotFound
from services.agents.models import Agent, LlmSettings
from services.agents.repositories.unit_of_work import AgentsUnitOfWork
from services.agents.use_cases.record_version import VersionRecorder
from services.agents.use_cases.settings_editing import SettingsEditor
from services.agents.use_cases.update_settings import settings_changed


@dataclass(frozen=True, kw_only=True)
class AgentSettings:
    """Works inside somebody else's unit of work; gives the settings and what to tell about them."""

    editor: SettingsEditor
    recorder: VersionRecorder

    async def choose(
        self,
        uow: AgentsUnitOfWork,
        agent: Agent,
        change: SettingsChange,
        *,
        settings_id: UUID | None,
    ) -> tuple[LlmSettings, list[str]]:
        """Settle a new agent's settings: its own, those named, the company's default, or ours.

        Raises:
            SettingsNotFound: `settings_id` is unknown; and what `SettingsEditor.apply` raises.
        """
        notes: list[str] = []
        if settings_id is not None and not change:
            row = await named_settings(uow, settings_id)
        else:
            default = None if change else await uow.settings.default()
            row = default or LlmSettings.blank(agent_id=agent.id)
            if default is None:
                notes = await self.editor.apply(uow, row, change, is_new=True)
                uow.settings.add(row)
        agent.llm_settings_id = row.id
        return row, notes

    async def edit(
        self, uow: AgentsUnitOfWork, agent: Agent, change: SettingsChange
    ) -> tuple[LlmSettings, list[str]]:
        """Change what one agent calls; settings that others share are copied first.

        Raises:
            UnknownProvider: And whatever else `SettingsEditor.apply` raises.
        """
        current = (
            None
            if agent.llm_settings_id is None
            else await uow.settings.locked(agent.llm_settings_id)
        )
        if current is not None and current.agent_id == agent.id:
            notes = await self.editor.apply(uow, current, change)
            current.version += 1
            await settings_changed(uow, current.id, version=current.version, recorder=self.recorder)
            return current, notes
        if current is None:
            row = LlmSettings.blank(agent_id=agent.id)
            notes = await self.editor.apply(uow, row, change, is_new=True)
        else:
            row = copied(current, agent_id=agent.id, cipher=self.editor.cipher)
            notes = await self.editor.apply(uow, row, change)
        uow.settings.add(row)
        agent.llm_settings_id = row.id
        return row, notes


async def named_settings(uow: AgentsUnitOfWork, settings_id: UUID) -> LlmSettings:
    """Return the tenant's settings with this id.

    Raises:
        SettingsNotFound: There are none.
    """
    row = await uow.settings.get(settings_id)
    if row is None:
        raise SettingsNotFound
    return row


def copied(row: LlmSettings, *, agent_id: UUID, cipher: Cipher) -> LlmSettings:
    """Make settings for one agent like these; keys are encrypted anew for their new row."""
    copy = row.copy(agent_id=agent_id)
    for column, sealed in (
        ("llm_api_key", row.llm_api_key),
        ("embedding_api_key", row.embedding_api_key),
    ):
        if sealed is not None:
            key = cipher.decrypt(sealed, table="llm_settings", column=column, row=row.id)
            again = cipher.encrypt(key, table="llm_settings", column=column, row=copy.id)
            setattr(copy, column, again)
    return copy
