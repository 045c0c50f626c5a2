"""Keep an agent's counters up to date with what other services tell."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.agents.repositories.agent_stats import AgentStatsRepository


@dataclass(frozen=True, kw_only=True)
class CountActivity:
    """Works in the transaction that also notes the event, so that each counts once."""

    stats: AgentStatsRepository

    async def conversations(self, *, agent_id: UUID, started: int, active: int) -> None:
        """Conversations began, were deleted (`active` is negative), or are back."""
        await self.stats.count(agent_id, conversations=started, active=active)

    async def question(self, *, agent_id: UUID) -> None:
        """Somebody wrote to the agent."""
        await self.stats.count(agent_id, messages=1)

    async def answer(self, *, agent_id: UUID, duration_ms: int) -> None:
        """The agent answered."""
        await self.stats.count(agent_id, messages=1, answers=1, answer_ms=duration_ms)

    async def document(
        self, document_id: UUID, *, agent_id: UUID, is_indexed: bool, at: datetime
    ) -> None:
        """A document can be searched now, or no longer."""
        await self.stats.note_document(document_id, agent_id=agent_id, is_indexed=is_indexed, at=at)
