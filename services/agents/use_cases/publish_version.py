"""Make a version of an agent the live one: a draft, or an earlier one to go back to."""

from dataclasses import dataclass
from uuid import UUID

from libs.common.crypto import Cipher
from libs.common.events.catalogue.agents import SettingsUpdated
from services.agents.domain.versions import Content, same_content
from services.agents.models import Agent, LlmSettings
from services.agents.repositories.unit_of_work import AgentsUnitOfWork, OpenUnitOfWork
from services.agents.use_cases.agent_events import agent_changed
from services.agents.use_cases.browse_versions import (
    VersionView,
    found_version,
    versioned_agent,
    view_versions,
)
from services.agents.use_cases.record_version import VersionRecorder
from services.agents.use_cases.version_content import (
    Catalogue,
    KeptKeys,
    content_of,
    put_agent,
    put_settings,
)


@dataclass(frozen=True, kw_only=True)
class PublishVersion:
    """Point `live` at a version, and make the agent what that version says."""

    unit_of_work: OpenUnitOfWork
    cipher: Cipher
    recorder: VersionRecorder

    async def __call__(self, agent_id: UUID, number: int) -> VersionView:
        """Return the version that is live now; publishing it again changes nothing.

        Raises:
            AgentNotFound: There is no such agent.
            VersionNotFound: It has no version of that number.
        """
        notes: list[str] = []
        async with self.unit_of_work() as uow:
            agent = await versioned_agent(uow, agent_id, self.recorder, lock=True)
            version = await found_version(uow, agent_id, number)
            # Every change of what is live but a direct PUT comes by here: a test set that a
            # version must pass first is asked at this place.
            if agent.live_version != number:
                put_agent(agent, version.content)
                notes += await _drop_lost_fallbacks(uow, agent)
                notes += await self._put_settings(uow, agent, version.content)
                uow.versions.publish(agent, number, by=self.recorder.by)
                if agent.split_version == number:
                    agent.split_version, agent.split_percent = None, 0
                agent_changed(uow, agent)
                await uow.session.flush()
            (view,) = await view_versions(uow, agent, [version], notes=notes)
        return view

    async def _put_settings(
        self, uow: AgentsUnitOfWork, agent: Agent, content: Content
    ) -> list[str]:
        wanted = content["settings"]
        if wanted is None:
            agent.llm_settings_id = None
            return []
        current = None
        if agent.llm_settings_id is not None:
            current = await uow.settings.locked(agent.llm_settings_id)
        for row in (current, await uow.settings.get(UUID(wanted["id"]))):
            # Settings that are still as they were then are used again, shared ones too.
            if row is not None and await self._holds(uow, agent, row, content):
                agent.llm_settings_id = row.id
                return []
        target = await self._own_row(uow, agent, current)
        put_settings(target, wanted)
        notes = await KeptKeys(uow=uow, cipher=self.cipher).put(
            agent.id, target, wanted, current=current
        )
        uow.settings.add(target)
        agent.llm_settings_id = target.id
        uow.outbox.record(
            SettingsUpdated(settings_id=target.id),
            aggregate_id=target.id,
            aggregate_version=target.version,
        )
        return notes

    async def _holds(
        self, uow: AgentsUnitOfWork, agent: Agent, row: LlmSettings, content: Content
    ) -> bool:
        present = content_of(agent, row, await Catalogue.of(uow, [row]))
        return same_content({**content, "agent": present["agent"]}, present)

    async def _own_row(
        self, uow: AgentsUnitOfWork, agent: Agent, current: LlmSettings | None
    ) -> LlmSettings:
        """Return settings that only this agent uses: its present ones, or new ones."""
        if current is not None and current.agent_id == agent.id and not current.is_default:
            users = await uow.agents.count_using(current.id)
            if users <= 1:
                current.version += 1
                return current
        return LlmSettings.blank(agent_id=agent.id)


async def _drop_lost_fallbacks(uow: AgentsUnitOfWork, agent: Agent) -> list[str]:
    """Take out settings that have been deleted since the version was made."""
    wanted = [UUID(one) for one in agent.fallback_settings_ids]
    there = await uow.settings.by_ids(set(wanted), lock=True)
    agent.fallback_settings_ids = [str(one) for one in wanted if one in there]
    lost = len(wanted) - len(agent.fallback_settings_ids)
    return [f"{lost} of the settings to fall back on are gone."] if lost else []
