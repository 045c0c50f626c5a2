"""Reading facts: the sums that reports are made of, each one statement over a tenant's rows."""

from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.analytics.domain.periods import Period

Row = dict[str, Any]
Subject = Literal["agent_id", "conversation_id"]

_ANSWERS = """
SELECT count(*) FILTER (WHERE outcome <> 'failed') AS answers,
       count(*) FILTER (WHERE outcome = 'generated') AS generated,
       count(*) FILTER (WHERE outcome = 'extractive') AS extractive,
       count(*) FILTER (WHERE outcome = 'refused') AS refused,
       count(*) FILTER (WHERE outcome = 'failed') AS failed,
       coalesce(sum(prompt_tokens), 0)::bigint AS prompt_tokens,
       coalesce(sum(completion_tokens), 0)::bigint AS completion_tokens,
       coalesce(sum(cost_micros), 0)::bigint AS cost_micros,
       coalesce(avg(duration_ms) FILTER (WHERE outcome <> 'failed'), 0)::float AS average_ms,
       coalesce(sum(citation_count), 0)::bigint AS citations
FROM usage_ledger WHERE tenant_id = :tenant_id
"""
_RATINGS = """
SELECT count(*) AS rated, coalesce(avg(rating), 0)::float AS average_rating
FROM ratings WHERE tenant_id = :tenant_id
"""

_TOTALS = """
SELECT (SELECT count(*) FROM users WHERE tenant_id = :tenant_id AND deleted_at IS NULL
           AND created_at IS NOT NULL) AS users,
       (SELECT count(*) FROM agents WHERE tenant_id = :tenant_id AND deleted_at IS NULL) AS agents,
       (SELECT count(*) FROM agents WHERE tenant_id = :tenant_id AND deleted_at IS NOT NULL)
           AS deleted_agents,
       (SELECT count(*) FROM conversations WHERE tenant_id = :tenant_id AND deleted_at IS NULL)
           AS conversations,
       (SELECT count(*) FROM conversations WHERE tenant_id = :tenant_id AND deleted_at IS NOT NULL)
           AS deleted_conversations,
       (SELECT count(*) FROM questions WHERE tenant_id = :tenant_id) AS questions,
       (SELECT count(*) FROM api_keys
        WHERE tenant_id = :tenant_id AND created_at IS NOT NULL AND revoked_at IS NULL) AS api_keys
"""

_DOCUMENTS = """
SELECT state, count(*) AS documents, coalesce(sum(size_bytes), 0)::bigint AS size_bytes,
       coalesce(sum(passages), 0)::bigint AS passages, coalesce(sum(pages), 0)::bigint AS pages,
       coalesce(sum(tokens), 0)::bigint AS tokens
FROM documents WHERE tenant_id = :tenant_id AND deleted_at IS NULL GROUP BY state ORDER BY state
"""

_CALLS = """
SELECT coalesce(sum(calls), 0)::bigint AS calls,
       coalesce(sum(calls) FILTER (WHERE status_class IN ('4xx', '5xx')), 0)::bigint AS errors,
       coalesce(sum(duration_ms), 0)::bigint AS duration_ms
FROM api_calls WHERE tenant_id = :tenant_id AND hour >= date_trunc('hour', :start ::timestamptz)
                 AND hour < :end
"""

_ENDPOINTS = """
SELECT method, route AS endpoint, sum(calls)::bigint AS call_count,
       (sum(duration_ms)::float / nullif(sum(calls), 0))::float AS avg_response_time_ms
FROM api_calls WHERE tenant_id = :tenant_id AND hour >= date_trunc('hour', :start ::timestamptz)
                 AND hour < :end
GROUP BY method, route ORDER BY call_count DESC, endpoint, method LIMIT :limit
"""

_CALL_TREND = """
SELECT date_trunc(:step, hour) AS at, sum(calls)::bigint AS calls,
       coalesce(sum(calls) FILTER (WHERE status_class IN ('4xx', '5xx')), 0)::bigint AS errors
FROM api_calls WHERE tenant_id = :tenant_id AND hour >= date_trunc('hour', :start ::timestamptz)
                 AND hour < :end
GROUP BY 1 ORDER BY 1
"""

_ACTIVITY = """
SELECT at, sum(questions)::bigint AS questions, sum(answers)::bigint AS answers,
       sum(tokens)::bigint AS tokens, sum(cost_micros)::bigint AS cost_micros
FROM (SELECT date_trunc(:step, asked_at) AS at, 1 AS questions, 0 AS answers, 0 AS tokens,
             0 AS cost_micros
      FROM questions WHERE tenant_id = :tenant_id AND asked_at >= :start AND asked_at < :end {where}
      UNION ALL
      SELECT date_trunc(:step, answered_at), 0, 1, prompt_tokens + completion_tokens, cost_micros
      FROM usage_ledger
      WHERE tenant_id = :tenant_id AND answered_at >= :start AND answered_at < :end {where}) AS done
GROUP BY at ORDER BY at
"""

_TOP_AGENTS = """
SELECT agent_id, count(*) AS answers, avg(duration_ms)::float AS average_ms,
       sum(prompt_tokens + completion_tokens)::bigint AS tokens
FROM usage_ledger WHERE tenant_id = :tenant_id AND outcome <> 'failed'
GROUP BY agent_id ORDER BY answers DESC, agent_id LIMIT :limit
"""

_TOP_CONVERSATIONS = """
SELECT q.conversation_id, q.agent_id, count(*) AS messages, max(q.asked_at) AS last_activity
FROM questions q
JOIN conversations c ON c.tenant_id = q.tenant_id AND c.id = q.conversation_id
WHERE q.tenant_id = :tenant_id AND c.deleted_at IS NULL
GROUP BY q.conversation_id, q.agent_id ORDER BY messages DESC, q.conversation_id LIMIT :limit
"""

_ACTIVE_CONVERSATIONS = """
SELECT count(DISTINCT q.conversation_id) AS conversations
FROM questions q
JOIN conversations c ON c.tenant_id = q.tenant_id AND c.id = q.conversation_id
WHERE q.tenant_id = :tenant_id AND c.deleted_at IS NULL
  AND q.asked_at >= :start AND q.asked_at < :end
"""

_LEADS = """
SELECT count(*) AS leads,
       count(*) FILTER (WHERE status IN ('qualified', 'converted')) AS qualified_leads,
       count(*) FILTER (WHERE status = 'converted') AS converted_leads
FROM leads WHERE tenant_id = :tenant_id AND deleted_at IS NULL
           AND registered_at >= :start AND registered_at < :end
"""

_UPLOADS = """
SELECT date_trunc('day', uploaded_at) AS at, count(*) AS documents
FROM documents WHERE tenant_id = :tenant_id AND uploaded_at >= :start AND uploaded_at < :end
GROUP BY 1 ORDER BY 1
"""

_EXPORTS = {
    "conversations": """
        SELECT c.id, c.agent_id, c.started_at, c.deleted_at,
               (SELECT count(*) FROM questions q
                WHERE q.tenant_id = c.tenant_id AND q.conversation_id = c.id) AS messages
        FROM conversations c
        WHERE c.tenant_id = :tenant_id AND c.started_at >= :start AND c.started_at < :end
        ORDER BY c.started_at, c.id LIMIT :limit""",
    "agents": """
        SELECT a.id, a.created_at, a.deleted_at,
               count(l.id) FILTER (WHERE l.outcome <> 'failed') AS answers,
               coalesce(sum(l.prompt_tokens), 0)::bigint AS prompt_tokens,
               coalesce(sum(l.completion_tokens), 0)::bigint AS completion_tokens,
               coalesce(sum(l.cost_micros), 0)::bigint AS cost_micros
        FROM agents a
        LEFT JOIN usage_ledger l ON l.tenant_id = a.tenant_id AND l.agent_id = a.id
                                AND l.answered_at >= :start AND l.answered_at < :end
        WHERE a.tenant_id = :tenant_id
        GROUP BY a.id, a.created_at, a.deleted_at ORDER BY a.id LIMIT :limit""",
    "usage": """
        SELECT id AS answer_id, conversation_id, agent_id, outcome, prompt_tokens,
               completion_tokens, cost_micros, duration_ms, citation_count, answered_at
        FROM usage_ledger
        WHERE tenant_id = :tenant_id AND answered_at >= :start AND answered_at < :end
        ORDER BY answered_at, id LIMIT :limit""",
}
ExportKind = Literal["conversations", "agents", "usage"]


class ReportRepository:
    """One tenant's sums."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def totals(self) -> Row:
        """Count what there is: users, agents, conversations, questions, API keys."""
        return await self._one(_TOTALS)

    async def documents_by_state(self) -> Sequence[Row]:
        """Count documents and their sizes by state."""
        return await self._all(_DOCUMENTS)

    async def answers(
        self,
        *,
        period: Period | None = None,
        subject: Subject | None = None,
        subject_id: UUID | None = None,
    ) -> Row:
        """Sum up ledger and ratings: all, a period's, an agent's or a conversation's."""
        where = ""
        values: dict[str, Any] = {}
        if subject is not None:
            where = f" AND {subject} = :subject_id"
            values["subject_id"] = subject_id
        if period is not None:
            values["period"] = period
        sums: Row = {}
        for query, at in ((_ANSWERS, "answered_at"), (_RATINGS, "rated_at")):
            within = f" AND {at} >= :start AND {at} < :end" if period is not None else ""
            sums |= await self._one(query + where + within, **values)
        return sums

    async def activity(
        self,
        period: Period,
        *,
        step: Literal["hour", "day"] = "day",
        subject: Subject | None = None,
        subject_id: UUID | None = None,
    ) -> Sequence[Row]:
        """Count questions, answers and tokens by hour or day, those with any."""
        where = f"AND {subject} = :subject_id" if subject else ""
        values = {"subject_id": subject_id} if subject else {}
        return await self._all(_ACTIVITY.format(where=where), period=period, step=step, **values)

    async def active_conversations(self, period: Period) -> int:
        """Count the conversations that stand in which somebody wrote."""
        row = await self._one(_ACTIVE_CONVERSATIONS, period=period)
        return int(row["conversations"])

    async def leads(self, period: Period) -> Row:
        """Count the leads of a period that stand: all, qualified ones, converted ones."""
        return await self._one(_LEADS, period=period)

    async def calls(self, period: Period) -> Row:
        """Count calls of the API."""
        return await self._one(_CALLS, period=period)

    async def top_endpoints(self, period: Period, *, limit: int = 20) -> Sequence[Row]:
        """List the routes called most."""
        return await self._all(_ENDPOINTS, period=period, limit=limit)

    async def call_trend(self, period: Period, *, step: Literal["hour", "day"]) -> Sequence[Row]:
        """Count calls by hour or day, those with any."""
        return await self._all(_CALL_TREND, period=period, step=step)

    async def top_agents(self, *, limit: int = 10) -> Sequence[Row]:
        """List the agents with most answers."""
        return await self._all(_TOP_AGENTS, limit=limit)

    async def top_conversations(self, *, limit: int = 10) -> Sequence[Row]:
        """List the conversations with most questions."""
        return await self._all(_TOP_CONVERSATIONS, limit=limit)

    async def uploads(self, period: Period) -> Sequence[Row]:
        """Count uploaded documents by day."""
        return await self._all(_UPLOADS, period=period)

    async def agent(self, agent_id: UUID) -> Row | None:
        """Return what is known of an agent; None when nothing is."""
        return await self._maybe(
            "SELECT id, created_at, deleted_at,"
            " (SELECT count(*) FROM conversations c WHERE c.tenant_id = a.tenant_id"
            "  AND c.agent_id = a.id AND c.deleted_at IS NULL) AS conversations,"
            " (SELECT count(*) FROM documents d WHERE d.tenant_id = a.tenant_id"
            "  AND d.agent_id = a.id AND d.deleted_at IS NULL) AS documents,"
            " (SELECT count(*) FROM questions q WHERE q.tenant_id = a.tenant_id"
            "  AND q.agent_id = a.id) AS questions"
            " FROM agents a WHERE tenant_id = :tenant_id AND id = :id",
            id=agent_id,
        )

    async def conversation(self, conversation_id: UUID) -> Row | None:
        """Return what is known of a conversation; None when nothing is, or it is deleted."""
        return await self._maybe(
            "SELECT id, agent_id, started_at,"
            " (SELECT count(*) FROM questions q WHERE q.tenant_id = c.tenant_id"
            "  AND q.conversation_id = c.id) AS questions"
            " FROM conversations c"
            " WHERE tenant_id = :tenant_id AND id = :id AND deleted_at IS NULL",
            id=conversation_id,
        )

    async def export(self, kind: ExportKind, period: Period, *, limit: int) -> Sequence[Row]:
        """List the records of one kind within a period, oldest first."""
        return await self._all(_EXPORTS[kind], period=period, limit=limit)

    async def _all(self, query: str, *, period: Period | None = None, **values: Any) -> list[Row]:
        if period is not None:
            values |= {"start": period.start, "end": period.end}
        result = await self.session.execute(text(query), {"tenant_id": self.tenant_id, **values})
        return [dict(row) for row in result.mappings()]

    async def _one(self, query: str, *, period: Period | None = None, **values: Any) -> Row:
        (row,) = await self._all(query, period=period, **values)
        return row

    async def _maybe(self, query: str, **values: Any) -> Row | None:
        rows = await self._all(query, **values)
        return rows[0] if rows else None
