"""Keeps a version of every agent that changes; works inside somebody else's unit of work."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.crypto import Cipher
from services.agents.domain.changes import SettingsChange
from services.agents.domain.versions import Action, Actor, same_content
from services.agents.models import Agent, LlmSettings
from services.agents.repositories.unit_of_work import AgentsUnitOfWork
from services.agents.use_cases.version_content import Catalogue, KeptKeys, content_of


@dataclass(frozen=True, kw_only=True)
class VersionRecorder:
    """Records in whose name agents change.

    Args:
        cipher: The tenant's, for keys that versions need again.
        by: Who.
    """

    cipher: Cipher
    by: Actor

    async def before(self, uow: AgentsUnitOfWork, agents: Sequence[Agent]) -> None:
        """Keep what agents are that have no version yet; the caller holds their rows."""
        await self.live(
            uow, [agent for agent in agents if agent.live_version is None], Action.FOUND
        )

    async def live(self, uow: AgentsUnitOfWork, agents: Sequence[Agent], action: Action) -> None:
        """Make what agents are now their live version, where that is something new."""
        if not agents:
            return
        await uow.session.flush()
        rows = await uow.settings.by_ids(
            {agent.llm_settings_id for agent in agents if agent.llm_settings_id is not None}
        )
        catalogue = await Catalogue.of(uow, list(rows.values()))
        numbers = await uow.versions.last_numbers([agent.id for agent in agents])
        current = await uow.versions.live_contents(agents)
        keys = KeptKeys(uow=uow, cipher=self.cipher)
        for agent in agents:
            row = rows.get(agent.llm_settings_id) if agent.llm_settings_id else None
            if row is not None:
                await keys.keep(agent.id, row)
            content = content_of(agent, row, catalogue)
            if agent.id in current and same_content(current[agent.id], content):
                continue
            number = numbers.get(agent.id, 0) + 1
            uow.versions.add(agent.id, number, content, action=action, by=self.by)
            uow.versions.publish(agent, number, by=self.by)
        await uow.session.flush()


async def forget_removed_keys(
    uow: AgentsUnitOfWork, row: LlmSettings, change: SettingsChange
) -> None:
    """Remove kept keys too where somebody takes a key away; replacing one is another matter."""
    kinds = []
    if "llm_api_key" in change and not change["llm_api_key"]:
        kinds.append("llm")
    if "embedding_api_key" in change and not change["embedding_api_key"]:
        kinds.append("embedding")
    if kinds:
        await uow.versions.forget_keys(row.id, kinds=kinds)
