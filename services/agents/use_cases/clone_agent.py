"""Copy an agent; the copy starts out inactive."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.crypto import Cipher
from libs.common.events.catalogue.agents import AgentCreated
from services.agents.domain.agents import copy_name
from services.agents.domain.errors import AgentNotFound
from services.agents.domain.profiles import ModelCall
from services.agents.domain.versions import Action
from services.agents.models.agents import NAME_MAX_LENGTH
from services.agents.repositories.agent_reader import AgentReader
from services.agents.repositories.unit_of_work import OpenUnitOfWork
from services.agents.use_cases.agent_settings import copied, named_settings
from services.agents.use_cases.agent_views import AgentView
from services.agents.use_cases.record_version import VersionRecorder
from services.agents.use_cases.settings_views import view_settings


@dataclass(frozen=True, kw_only=True)
class CloneAgent:
    """Copy an agent and the settings made for it; documents stay with the original."""

    unit_of_work: OpenUnitOfWork
    reader: AgentReader
    cipher: Cipher
    recorder: VersionRecorder
    platform: ModelCall | None

    async def __call__(
        self, agent_id: UUID, *, name: str | None, settings_id: UUID | None
    ) -> AgentView:
        """Raises `AgentNotFound`, or `SettingsNotFound` for an unknown `settings_id`."""
        async with self.unit_of_work() as uow:
            original = await uow.agents.living(agent_id)
            if original is None:
                raise AgentNotFound
            clone = original.copy(name or copy_name(original.name, max_length=NAME_MAX_LENGTH))
            row = None
            if settings_id is not None:
                row = await named_settings(uow, settings_id)
            elif original.llm_settings_id is not None:
                row = await named_settings(uow, original.llm_settings_id)
                if row.agent_id == original.id:
                    # Settings of one agent only: a change to the copy must not reach the original.
                    row = copied(row, agent_id=clone.id, cipher=self.cipher)
                    uow.settings.add(row)
            clone.llm_settings_id = None if row is None else row.id
            uow.agents.add(clone)
            uow.outbox.record(
                AgentCreated(agent_id=clone.id),
                aggregate_id=clone.id,
                aggregate_version=clone.version,
            )
            await self.recorder.live(uow, [clone], Action.CREATED)
            views = await view_settings(uow, [row] if row else [], platform=self.platform)
        card = await self.reader.card(clone.id)
        if card is None:
            raise AgentNotFound
        return AgentView(card=card, settings=views[0] if views else None)
