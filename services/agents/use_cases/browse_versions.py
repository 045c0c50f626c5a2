"""Show an agent's versions, and how they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.agents.domain.errors import AgentNotFound, VersionNotFound
from services.agents.domain.versions import Difference, differences
from services.agents.models import Agent, AgentVersion, AgentVersionStats
from services.agents.repositories.unit_of_work import AgentsUnitOfWork, OpenUnitOfWork
from services.agents.use_cases.record_version import VersionRecorder


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView:
    """A version with what became of it."""

    version: AgentVersion
    is_live: bool
    split_percent: int
    published_at: datetime | None
    stats: AgentVersionStats | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BrowseVersions:
    """Reads; only an agent from before versions gets its first one by being looked at."""

    unit_of_work: OpenUnitOfWork
    recorder: VersionRecorder

    async def page(
        self, agent_id: UUID, *, page: int, per_page: int
    ) -> tuple[Sequence[VersionView], int]:
        """Return some versions, newest first, and how many there are; raises `AgentNotFound`."""
        async with self.unit_of_work() as uow:
            agent = await versioned_agent(uow, agent_id, self.recorder)
            rows, total = await uow.versions.page(
                agent_id, limit=per_page, offset=(page - 1) * per_page
            )
            return await view_versions(uow, agent, rows), total

    async def one(self, agent_id: UUID, number: int) -> VersionView:
        """Raises `AgentNotFound` or `VersionNotFound`."""
        async with self.unit_of_work() as uow:
            agent = await versioned_agent(uow, agent_id, self.recorder)
            version = await found_version(uow, agent_id, number)
            (view,) = await view_versions(uow, agent, [version])
        return view

    async def diff(
        self, agent_id: UUID, number: int, *, against: int | None
    ) -> tuple[int, Sequence[Difference]]:
        """Return what changes from another version, the live one unless told, to this one.

        Raises:
            AgentNotFound: There is no such agent.
            VersionNotFound: It has no version of one of the numbers.
        """
        async with self.unit_of_work() as uow:
            agent = await versioned_agent(uow, agent_id, self.recorder)
            before = against if against is not None else agent.live_version or number
            one = await found_version(uow, agent_id, before)
            other = await found_version(uow, agent_id, number)
            return before, differences(one.content, other.content)

    async def split(self, agent_id: UUID) -> tuple[Agent, Mapping[int, AgentVersionStats]]:
        """Return the agent and the results of the versions that share its conversations.

        Raises:
            AgentNotFound: There is no such agent.
        """
        async with self.unit_of_work() as uow:
            agent = await versioned_agent(uow, agent_id, self.recorder)
            numbers = [n for n in (agent.live_version, agent.split_version) if n is not None]
            return agent, await uow.versions.stats(agent_id, numbers)


async def versioned_agent(
    uow: AgentsUnitOfWork, agent_id: UUID, recorder: VersionRecorder, *, lock: bool = False
) -> Agent:
    """Return a living agent that has at least one version.

    Raises:
        AgentNotFound: There is none.
    """
    agent = await (uow.agents.locked(agent_id) if lock else uow.agents.living(agent_id))
    if agent is not None and agent.live_version is None and not lock:
        agent = await uow.agents.locked(agent_id)
        if agent is not None:
            # Somebody else may have done it while we waited for the lock.
            await uow.session.refresh(agent)
    if agent is None or agent.is_deleted:
        raise AgentNotFound
    await recorder.before(uow, [agent])
    return agent


async def found_version(uow: AgentsUnitOfWork, agent_id: UUID, number: int) -> AgentVersion:
    """Return a version.

    Raises:
        VersionNotFound: The agent has none of that number.
    """
    version = await uow.versions.one(agent_id, number)
    if version is None:
        raise VersionNotFound(f"The agent has no version {number}.")
    return version


async def view_versions(
    uow: AgentsUnitOfWork,
    agent: Agent,
    versions: Sequence[AgentVersion],
    *,
    notes: Sequence[str] = (),
) -> list[VersionView]:
    """Add to versions what became of them."""
    numbers = [version.number for version in versions]
    published = await uow.versions.published_at(agent.id, numbers)
    stats = await uow.versions.stats(agent.id, numbers)
    return [
        VersionView(
            version=version,
            is_live=version.number == agent.live_version,
            split_percent=agent.split_percent if version.number == agent.split_version else 0,
            published_at=published.get(version.number),
            stats=stats.get(version.number),
            notes=tuple(notes),
        )
        for version in versions
    ]
