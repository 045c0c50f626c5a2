"""Agents as they are shown: one statement, without the ORM.

`GET /agent/{id}` is asked for all the time, by widgets and by programs, so it goes the lean way
(0.1 ms of CPU instead of 0.8); lists take the same way for the sake of one shape.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from libs.common.database import PLATFORM_TENANT, Database
from libs.common.database.connection import Record
from services.agents.domain.agents import PublicAgent


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCard:
    """One agent with what its settings and other services add to the picture."""

    id: UUID
    tenant_id: UUID
    name: str
    description: str | None
    avatar_url: str | None
    status: str
    instructions: str | None
    llm_settings_id: UUID | None
    personality_traits: Any
    capabilities: Any
    operating_hours: Any
    languages: Any
    behaviour: Any
    fallback_settings_ids: Any
    version: int
    live_version: int | None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    model_name: str | None
    temperature: float | None
    max_tokens: int | None
    total_conversations: int
    active_conversations: int
    total_messages: int
    total_answers: int
    total_answer_ms: int


# A tenant's own row for a model stands before the shared one of the same id.
_CARD = f"""
SELECT a.id, a.tenant_id, a.name, a.description, a.avatar_url, a.status, a.instructions,
       a.llm_settings_id, a.personality_traits, a.capabilities, a.operating_hours, a.languages,
       a.behaviour, a.fallback_settings_ids,
       a.version, a.live_version, a.created_at, a.updated_at, a.deleted_at,
       coalesce(own.name, shared.name) AS model_name,
       s.llm_temperature AS temperature, s.llm_max_tokens AS max_tokens,
       coalesce(c.total_conversations, 0) AS total_conversations,
       coalesce(c.active_conversations, 0) AS active_conversations,
       coalesce(c.total_messages, 0) AS total_messages,
       coalesce(c.total_answers, 0) AS total_answers,
       coalesce(c.total_answer_ms, 0) AS total_answer_ms
FROM agents a
LEFT JOIN llm_settings s ON s.tenant_id = a.tenant_id AND s.id = a.llm_settings_id
LEFT JOIN models own ON own.tenant_id = a.tenant_id AND own.id = s.llm_model_id
LEFT JOIN models shared ON shared.tenant_id = '{PLATFORM_TENANT}' AND shared.id = s.llm_model_id
LEFT JOIN agent_stats c ON c.tenant_id = a.tenant_id AND c.agent_id = a.id
WHERE a.tenant_id = $1
"""  # noqa: S608 - the one value is a constant of ours

_ONE = f"{_CARD} AND a.id = $2 AND a.deleted_at IS NULL"
_NAMED = f"{_CARD} AND lower(a.name) = lower($2) AND a.deleted_at IS NULL ORDER BY a.id LIMIT 1"

_FILTER = """
    a.deleted_at IS NULL
    AND ($2::text IS NULL OR a.status = $2)
    AND ($3::text IS NULL OR a.name ILIKE $3 OR a.description ILIKE $3)
"""
# Oldest first: an agent that is added while somebody turns the pages moves nothing.
_PAGE = f"{_CARD} AND {_FILTER} ORDER BY a.id LIMIT $4 OFFSET $5"
_COUNT = f"SELECT count(*) FROM agents a WHERE a.tenant_id = $1 AND {_FILTER}"  # noqa: S608 - as above

_DOCUMENTS = """
SELECT count(*), max(indexed_at) FROM known_documents
WHERE tenant_id = $1 AND agent_id = $2 AND is_indexed
"""
_PUBLIC = """
SELECT tenant_id, id, name, description, avatar_url, opening_message, suggested_questions
FROM public_agent_face($1)
"""


class AgentReader:
    """Shows one tenant's agents, and of any tenant's active ones what is public."""

    def __init__(self, database: Database, tenant_id: UUID) -> None:
        self.database = database
        self.tenant_id = tenant_id

    async def card(self, agent_id: UUID) -> AgentCard | None:
        """Return an agent that is not deleted."""
        async with self.database.lean(self.tenant_id) as connection:
            row = await connection.fetchrow(_ONE, self.tenant_id, agent_id)
        return None if row is None else _card(row)

    async def named(self, name: str) -> AgentCard | None:
        """Return the agent of this name in any case, the oldest where several share it."""
        async with self.database.lean(self.tenant_id) as connection:
            row = await connection.fetchrow(_NAMED, self.tenant_id, name)
        return None if row is None else _card(row)

    async def page(
        self, *, status: str | None, search: str | None, limit: int, offset: int
    ) -> tuple[Sequence[AgentCard], int]:
        """Return some agents that are not deleted, oldest first, and how many there are."""
        pattern = None if not search else f"%{_escaped(search)}%"
        async with self.database.lean(self.tenant_id) as connection:
            rows = await connection.fetch(_PAGE, self.tenant_id, status, pattern, limit, offset)
            total = await connection.fetchval(_COUNT, self.tenant_id, status, pattern)
        return [_card(row) for row in rows], int(total)

    async def documents(self, agent_id: UUID) -> tuple[int, datetime | None]:
        """Return how many documents of an agent can be searched, and since when the newest."""
        async with self.database.lean(self.tenant_id) as connection:
            row = await connection.fetchrow(_DOCUMENTS, self.tenant_id, agent_id)
        return (0, None) if row is None else (int(row[0]), row[1])


async def find_public_agent(database: Database, agent_id: UUID) -> PublicAgent | None:
    """Return what anyone may know of an active agent, whoever's it is.

    The one place where an agent is read before a tenant is known.
    """
    async with database.platform() as connection:
        row = await connection.fetchrow(_PUBLIC, agent_id)
    if row is None:
        return None
    values = dict(row.items())
    return PublicAgent(
        **values | {"suggested_questions": orjson.loads(values["suggested_questions"])}
    )


_JSON = (
    "personality_traits",
    "capabilities",
    "operating_hours",
    "languages",
    "behaviour",
    "fallback_settings_ids",
)


def _card(row: Record) -> AgentCard:
    values = dict(row.items())
    for column in _JSON:
        values[column] = orjson.loads(values[column])
    return AgentCard(**values)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
