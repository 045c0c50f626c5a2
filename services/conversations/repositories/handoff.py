"""Changes of who speaks, each one conditional statement: of two who claim at once, one does.

Only the conversation's row is locked. Answers are stopped afterwards, in a transaction of their
own, as whoever finishes one holds the answer before the conversation; what is finished in between
finds the new state and says nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson

from libs.common.database import Database
from libs.common.database.connection import Connection, Record
from libs.common.events.catalogue.conversations import AnswerFailed, HandoffChanged
from libs.common.events.outbox import Recorded, record_events
from libs.common.ids import new_id
from services.conversations.domain.answers import Answer, TakenAnswer
from services.conversations.domain.errors import HandedOver
from services.conversations.domain.handoff import Handoff, HandoffState, SpokenMessage

_COLUMNS: Final = """id, agent_id, handoff, handoff_user_id, handoff_at, title, last_activity,
          message_count, last_sequence"""
_MOVE: Final = f"""
UPDATE conversations SET handoff = $3, handoff_user_id = $4, handoff_at = now()
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL AND channel = 'chat'
  AND handoff = ANY($5) AND ($6::uuid IS NULL OR handoff_user_id = $6)
  AND ($7::uuid IS NULL OR entity_id = $7)
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants of ours
# Who speaks takes over by that; where somebody else has it, they do not.
_SPEAK: Final = f"""
UPDATE conversations c
SET handoff = 'human', handoff_user_id = $3, last_sequence = c.last_sequence + 1,
    message_count = c.message_count + 1, last_activity = now(),
    handoff_at = CASE c.handoff WHEN 'human' THEN c.handoff_at ELSE now() END
FROM (SELECT tenant_id, id, handoff AS before FROM conversations
      WHERE tenant_id = $1 AND id = $2 FOR UPDATE) old
WHERE c.tenant_id = old.tenant_id AND c.id = old.id AND c.deleted_at IS NULL
  AND c.channel = 'chat' AND (c.handoff <> 'human' OR c.handoff_user_id = $3)
RETURNING {", ".join(f"c.{name.strip()}" for name in _COLUMNS.split(","))}, old.before
"""  # noqa: S608 - constants of ours
_SAY: Final = """
INSERT INTO messages (tenant_id, id, conversation_id, sequence, role, content, metadata)
VALUES ($1, $2, $3, $4, 'assistant', $5, $6::jsonb) RETURNING created_at
"""
_READ: Final = f"""
SELECT {_COLUMNS} FROM conversations
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL AND ($3::uuid IS NULL OR entity_id = $3)
"""  # noqa: S608 - constants of ours
_QUEUE: Final = f"""
SELECT {_COLUMNS} FROM conversations
WHERE tenant_id = $1 AND handoff = ANY($2) AND handoff IN ('waiting', 'human')
  AND deleted_at IS NULL
ORDER BY handoff_at, id LIMIT $3 OFFSET $4
"""  # noqa: S608 - constants of ours
_COUNT: Final = """
SELECT count(*) FROM conversations
WHERE tenant_id = $1 AND handoff = ANY($2) AND handoff IN ('waiting', 'human')
  AND deleted_at IS NULL
"""
_STOP: Final = """
UPDATE answers
SET state = 'cancelled', completed_at = now(), lease_owner = NULL, lease_until = NULL,
    error_code = 'handed_over', error = 'A person has taken over the conversation.'
WHERE tenant_id = $1 AND conversation_id = $2 AND completed_at IS NULL
  AND state IN ('queued', 'running')
RETURNING id
"""
# An answer that was stopped has no mode until its cost is told.
_UNSAID: Final = """
SELECT mode FROM answers
WHERE tenant_id = $1 AND id = $2 AND attempt = $3 AND state = 'cancelled'
  AND error_code = 'handed_over'
FOR UPDATE
"""
_BILL: Final = """
UPDATE answers
SET mode = $3, prompt_tokens = $4, completion_tokens = $5, cost_micros = $6
WHERE tenant_id = $1 AND id = $2
"""


@dataclass(frozen=True)
class HandoffStore:
    """Who speaks in a tenant's conversations."""

    database: Database

    async def move(
        self,
        tenant_id: UUID,
        conversation_id: UUID,
        *,
        to: Handoff,
        user_id: UUID | None,
        out_of: Sequence[Handoff],
        held_by: UUID | None = None,
        reached_by: UUID | None = None,
    ) -> HandoffState | None:
        """Change the state, and tell; None, and nothing is changed, where it is another.

        Args:
            tenant_id: Whose.
            conversation_id: Which.
            to: The new state.
            user_id: Who has the conversation then.
            out_of: The states from which it may be reached.
            held_by: Who must have it now; None for anybody.
            reached_by: The conversation must be this one's; None for any.
        """
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(
                _MOVE,
                tenant_id,
                conversation_id,
                to.value,
                user_id,
                [state.value for state in out_of],
                held_by,
                reached_by,
            )
            if row is None:
                return None
            state = _state(row)
            await _tell(connection, tenant_id, state)
        return state

    async def speak(
        self,
        tenant_id: UUID,
        conversation_id: UUID,
        *,
        user_id: UUID,
        text: str,
        metadata: Mapping[str, Any],
    ) -> tuple[SpokenMessage, bool] | None:
        """Store what a person says, who has the conversation from then on.

        Returns:
            The message, and whether they took over by it; None where somebody else has it.
        """
        message_id = new_id()
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_SPEAK, tenant_id, conversation_id, user_id)
            if row is None:
                return None
            state, took_over = _state(row), row["before"] != Handoff.HUMAN
            created_at = await connection.fetchval(
                _SAY,
                tenant_id,
                message_id,
                conversation_id,
                row["last_sequence"],
                text,
                orjson.dumps(metadata).decode(),
            )
            if took_over:
                await _tell(connection, tenant_id, state)
        spoken = SpokenMessage(
            id=message_id, sequence=row["last_sequence"], created_at=created_at, state=state
        )
        return spoken, took_over

    async def stop_answers(self, tenant_id: UUID, conversation_id: UUID) -> list[UUID]:
        """End what is being answered in a conversation; returns the answers."""
        async with self.database.lean(tenant_id) as connection:
            rows = await connection.fetch(_STOP, tenant_id, conversation_id)
        return [UUID(int=row["id"].int) for row in rows]

    async def bill_unsaid(self, taken: TakenAnswer, answer: Answer) -> bool:
        """Tell, once, what an attempt has cost that a person came before; False where none did."""
        async with self.database.lean(taken.tenant_id) as connection:
            row = await connection.fetchrow(
                _UNSAID, taken.tenant_id, taken.answer_id, taken.attempt
            )
            if row is None:
                return False
            if row["mode"] is None:
                spent = (answer.prompt_tokens, answer.completion_tokens, answer.cost_micros)
                await connection.execute(
                    _BILL, taken.tenant_id, taken.answer_id, answer.mode.value, *spent
                )
                event = AnswerFailed(
                    answer_id=taken.answer_id,
                    conversation_id=taken.conversation_id,
                    agent_id=taken.agent_id,
                    code=HandedOver.code,
                    prompt_tokens=answer.prompt_tokens,
                    completion_tokens=answer.completion_tokens,
                    cost_micros=answer.cost_micros,
                )
                recorded = Recorded(event, aggregate_id=taken.answer_id, aggregate_version=1)
                await record_events(connection, taken.tenant_id, [recorded])
        return True

    async def of(
        self, tenant_id: UUID, conversation_id: UUID, *, reached_by: UUID | None = None
    ) -> HandoffState | None:
        """Return a conversation's state; None when there is no such conversation."""
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_READ, tenant_id, conversation_id, reached_by)
        return None if row is None else _state(row)

    async def queue(
        self, tenant_id: UUID, states: Sequence[Handoff], *, limit: int, offset: int
    ) -> tuple[list[HandoffState], int]:
        """Return conversations that wait for a person or have one, who waits longest first."""
        wanted = [state.value for state in states]
        async with self.database.lean(tenant_id) as connection:
            rows = await connection.fetch(_QUEUE, tenant_id, wanted, limit, offset)
            total = await connection.fetchval(_COUNT, tenant_id, wanted)
        return [_state(row) for row in rows], int(total)


async def _tell(connection: Connection, tenant_id: UUID, state: HandoffState) -> None:
    event = HandoffChanged(
        conversation_id=state.conversation_id,
        agent_id=state.agent_id,
        status=state.state.value,
        user_id=state.user_id or UUID(int=0),
    )
    await record_events(
        connection, tenant_id, [Recorded(event, aggregate_id=state.conversation_id)]
    )


def _state(row: Record) -> HandoffState:
    return HandoffState(
        conversation_id=UUID(int=row["id"].int),
        agent_id=UUID(int=row["agent_id"].int),
        state=Handoff(row["handoff"]),
        user_id=UUID(int=row["handoff_user_id"].int) if row["handoff_user_id"] else None,
        since=row["handoff_at"],
        title=row["title"],
        last_activity=row["last_activity"],
        message_count=row["message_count"],
    )
