"""What is remembered of long conversations, and forgetting for good what was deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.crypto import KeyRing
from libs.common.database import Database
from services.conversations.domain.answers import Turn
from services.conversations.models.encrypted import SUMMARY_PURPOSE

_TABLE, _COLUMN = "conversation_summaries", "summary"
_BATCH = 200

_SUMMARY = (
    "SELECT through_sequence, summary FROM conversation_summaries WHERE tenant_id = $1 AND id = $2"
)
_TURNS = """
SELECT sequence, role, content, now() AS read_at FROM messages
WHERE tenant_id = $1 AND conversation_id = $2 AND deleted_at IS NULL AND role <> 'system'
  AND sequence > $3
ORDER BY sequence LIMIT $4
"""
# Not when something was deleted since it was read: that must not come back in a summary.
_REMEMBER = """
INSERT INTO conversation_summaries (tenant_id, id, through_sequence, summary)
SELECT $1, c.id, $3, $4 FROM conversations c
WHERE c.tenant_id = $1 AND c.id = $2 AND c.deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM messages m WHERE m.tenant_id = $1 AND m.conversation_id = $2
                  AND m.sequence <= $3 AND m.deleted_at >= $5)
ON CONFLICT (tenant_id, id) DO UPDATE
SET through_sequence = excluded.through_sequence, summary = excluded.summary, updated_at = now()
WHERE conversation_summaries.through_sequence < excluded.through_sequence
"""
_ERASE_CONVERSATIONS = """
DELETE FROM conversations WHERE tenant_id = $1 AND id = ANY (ARRAY(
    SELECT id FROM conversations WHERE tenant_id = $1 AND deleted_at < $2 LIMIT $3))
"""
# A branch that was left can be come back to, until all of its conversation is to be erased.
_ERASE_MESSAGES = """
DELETE FROM messages WHERE tenant_id = $1 AND id = ANY (ARRAY(
    SELECT m.id FROM messages m
    WHERE m.tenant_id = $1 AND m.deleted_at < $2
      AND (m.branch_id IS NULL OR NOT EXISTS (
          SELECT FROM messages kept
          WHERE kept.tenant_id = $1 AND kept.conversation_id = m.conversation_id
            AND (kept.deleted_at IS NULL OR kept.deleted_at >= $2)))
    LIMIT $3))
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was said in a conversation up to and with a message."""

    text: str
    through_sequence: int


@dataclass(frozen=True, slots=True)
class NumberedTurns:
    """What was said after a message, in order, and when it was read by the database's clock."""

    turns: Sequence[tuple[int, Turn]]
    read_at: datetime | None


@dataclass(frozen=True)
class ConversationMemory:
    """Summaries, encrypted under a key of the tenant's, and titles."""

    database: Database
    key_ring: KeyRing

    async def summary(self, tenant_id: UUID, conversation_id: UUID) -> Summary | None:
        """Return what is remembered of a conversation's beginning."""
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_SUMMARY, tenant_id, conversation_id)
        if row is None:
            return None
        cipher = await self.key_ring.cipher(tenant_id, SUMMARY_PURPOSE)
        text = cipher.decrypt(row["summary"], table=_TABLE, column=_COLUMN, row=conversation_id)
        return Summary(text.decode(), row["through_sequence"])

    async def turns_after(
        self, tenant_id: UUID, conversation_id: UUID, sequence: int, *, limit: int
    ) -> NumberedTurns:
        """Return what was said after a message, oldest first."""
        async with self.database.lean(tenant_id) as connection:
            rows = await connection.fetch(_TURNS, tenant_id, conversation_id, sequence, limit)
        return NumberedTurns(
            [(row["sequence"], Turn(row["role"], row["content"])) for row in rows],
            rows[0]["read_at"] if rows else None,
        )

    async def remember(
        self, tenant_id: UUID, conversation_id: UUID, summary: Summary, *, read_at: datetime
    ) -> None:
        """Keep a summary, unless one that goes further is there or its source was deleted."""
        cipher = await self.key_ring.cipher(tenant_id, SUMMARY_PURPOSE)
        sealed = cipher.encrypt(
            summary.text.encode(), table=_TABLE, column=_COLUMN, row=conversation_id
        )
        async with self.database.lean(tenant_id) as connection:
            await connection.execute(
                _REMEMBER, tenant_id, conversation_id, summary.through_sequence, sealed, read_at
            )

    async def is_untitled(self, tenant_id: UUID, conversation_id: UUID, default: str) -> bool:
        """Return whether a chat still has the title that all have."""
        [row] = await self.database.call(
            "conversation_untitled", tenant_id, conversation_id, default
        )
        return bool(row[0])

    async def title(
        self, tenant_id: UUID, conversation_id: UUID, title: str, *, default: str
    ) -> None:
        """Give a conversation a title, unless somebody has given it one."""
        await self.database.call("title_conversation", tenant_id, conversation_id, default, title)

    async def erase(self, before: datetime) -> int:
        """Erase conversations and messages that were deleted before a time; returns how many."""
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch("SELECT * FROM tenants_to_erase_for($1)", before)
        erased = 0
        for row in rows:
            for statement in (_ERASE_CONVERSATIONS, _ERASE_MESSAGES):
                count = _BATCH
                while count == _BATCH:
                    async with self.database.lean(row["tenant_id"]) as connection:
                        done = await connection.execute(statement, row["tenant_id"], before, _BATCH)
                    count = int(done.split()[-1])
                    erased += count
        return erased
