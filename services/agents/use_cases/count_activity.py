"""Keep an agent's counters up to date with what other services tell."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.agents.domain.activity import Results, Steps
from services.agents.repositories.agent_stats import AgentStatsRepository


@dataclass(frozen=True, kw_only=True)
class CountActivity:
    """Works in the transaction that also notes the event, so that each counts once."""

    stats: AgentStatsRepository

    async def all_of(
        self,
        activity: Iterable[tuple[UUID, Steps]],
        *,
        results: Iterable[tuple[UUID, int, Results]] = (),
    ) -> None:
        """Count what agents did; each agent's row is written once, however much it was.

        Args:
            activity: By agent.
            results: What came of versions, by agent and number.
        """
        by_agent: dict[UUID, Steps] = {}
        for agent_id, steps in activity:
            by_agent[agent_id] = by_agent.get(agent_id, Steps()) + steps
        by_version: dict[UUID, dict[int, Results]] = {}
        for agent_id, number, one in results:
            versions = by_version.setdefault(agent_id, {})
            versions[number] = versions.get(number, Results()) + one
        # In one order for all processes, or two of them might wait for each other.
        for agent_id in sorted(by_agent | by_version):
            await self.stats.count(
                agent_id, by_agent.get(agent_id, Steps()), results=by_version.get(agent_id)
            )

    async def document(
        self, document_id: UUID, *, agent_id: UUID, is_indexed: bool, at: datetime
    ) -> None:
        """A document can be searched now, or no longer."""
        await self.stats.note_document(document_id, agent_id=agent_id, is_indexed=is_indexed, at=at)
