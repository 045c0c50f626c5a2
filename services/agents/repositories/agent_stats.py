"""Counters about agents, kept from events of other services."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningInsert

from services.agents.domain.activity import Results, Steps
from services.agents.models import AgentStats, AgentVersionStats, KnownDocument


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

    async def count(
        self, agent_id: UUID, steps: Steps, *, results: Mapping[int, Results] | None = None
    ) -> None:
        """Add to an agent's counters; sums need no order, so neither do events.

        Args:
            agent_id: Whose.
            steps: By how much.
            results: What came of its versions, by number; written in the same round trip.
        """
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
        counted = query.on_conflict_do_update(
            index_elements=[AgentStats.tenant_id, AgentStats.agent_id], set_=sums
        )
        if not results:
            await self.session.execute(counted)
            return
        told = self._tell(agent_id, results).cte("told")
        await self.session.execute(counted.add_cte(told))

    def _tell(self, agent_id: UUID, results: Mapping[int, Results]) -> ReturningInsert[tuple[int]]:
        """Return the statement that adds to what came of versions."""
        # Arrays and not a list of rows: a statement of one shape is compiled once.
        numbers = sorted(results)
        columns: dict[str, list[int]] = {"number": numbers}
        for one in fields(Results):
            columns[one.name] = [getattr(results[number], one.name) for number in numbers]
        rows = (
            func.unnest(*(cast(values, ARRAY(BigInteger)) for values in columns.values()))
            .table_valued(*columns, name="told")
            .render_derived()
        )
        query = insert(AgentVersionStats).from_select(
            ["tenant_id", "agent_id", *columns],
            # In one order for all processes.
            select(literal(self.tenant_id), literal(agent_id), *rows.c).order_by(rows.c.number),
        )
        sums: dict[str, Any] = {
            one.name: getattr(AgentVersionStats, one.name) + getattr(query.excluded, one.name)
            for one in fields(Results)
        }
        return query.on_conflict_do_update(
            constraint="pk_agent_version_stats", set_=sums
        ).returning(AgentVersionStats.number)

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
