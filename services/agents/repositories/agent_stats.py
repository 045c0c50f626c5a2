"""Counters about agents, kept from events of other services."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.agents.domain.activity import Steps
from services.agents.models import AgentStats, KnownDocument


class AgentStatsRepository:
    """A tenant's counters."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def of(self, agent_id: UUID) -> AgentStats | None:
        """Return an agent's counters; None before anything was heard of it."""
        found: AgentStats | None = await self.session.scalar(
            select(AgentStats).where(
                AgentStats.tenant_id == self.tenant_id, AgentStats.agent_id == agent_id
            )
        )
        return found

    async def count(self, agent_id: UUID, steps: Steps) -> None:
        """Add to an agent's counters; sums need no order, so neither do events."""
        values = {
            "total_conversations": steps.conversations,
            "active_conversations": steps.active,
            "total_messages": steps.messages,
            "total_answers": steps.answers,
            "total_answer_ms": steps.answer_ms,
        }
        query = insert(AgentStats).values(tenant_id=self.tenant_id, agent_id=agent_id, **values)
        sums: dict[str, Any] = {
            name: getattr(AgentStats, name) + getattr(query.excluded, name) for name in values
        }
        await self.session.execute(
            query.on_conflict_do_update(
                index_elements=[AgentStats.tenant_id, AgentStats.agent_id], set_=sums
            )
        )

    async def note_document(
        self, document_id: UUID, *, agent_id: UUID, is_indexed: bool, at: datetime
    ) -> None:
        """Remember whether a document can be searched."""
        state = {"is_indexed": is_indexed, "indexed_at": at if is_indexed else None}
        query = insert(KnownDocument).values(
            tenant_id=self.tenant_id, id=document_id, agent_id=agent_id, **state
        )
        await self.session.execute(
            query.on_conflict_do_update(
                index_elements=[KnownDocument.tenant_id, KnownDocument.id], set_=state
            )
        )
