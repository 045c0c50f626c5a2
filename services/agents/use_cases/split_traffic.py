"""Let a second version answer a share of an agent's conversations."""

from dataclasses import dataclass
from uuid import UUID

from services.agents.domain.errors import SplitNotAllowed
from services.agents.repositories.unit_of_work import OpenUnitOfWork
from services.agents.use_cases.agent_events import agent_changed
from services.agents.use_cases.browse_versions import found_version, versioned_agent
from services.agents.use_cases.record_version import VersionRecorder


@dataclass(frozen=True, kw_only=True)
class SplitTraffic:
    """Begin, change or end a split; a conversation's side follows from its id and the version."""

    unit_of_work: OpenUnitOfWork
    recorder: VersionRecorder

    async def __call__(self, agent_id: UUID, *, number: int | None, percent: int) -> None:
        """Give version `number` that share of the conversations; None ends the split.

        Raises:
            AgentNotFound: There is no such agent.
            VersionNotFound: It has no version of that number.
            SplitNotAllowed: The version is the live one already.
        """
        async with self.unit_of_work() as uow:
            agent = await versioned_agent(uow, agent_id, self.recorder, lock=True)
            if number is not None:
                await found_version(uow, agent_id, number)
                if number == agent.live_version:
                    raise SplitNotAllowed(f"Version {number} is live: it has all conversations.")
            wanted = (number, percent if number is not None else 0)
            if wanted != (agent.split_version, agent.split_percent):
                agent.split_version, agent.split_percent = wanted
                agent_changed(uow, agent)
