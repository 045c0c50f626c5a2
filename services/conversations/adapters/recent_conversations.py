"""What this process has just done in conversations, to spare what comes next a look-up.

Hints for the quickest way and no more: what is not here is found in PostgreSQL, by the same rules.
"""

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from services.conversations.domain.answers import (
    AnswerKind,
    AnswerState,
    AnswerStatus,
    AskedQuestion,
)
from services.conversations.domain.people import Person

_SIZE: Final = 10_000
# Long enough for a client that follows as soon as its question is accepted.
_FRESH_SECONDS: Final = 0.3
# Beyond that, the processors have better things to do than to look early.
_MAX_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class _Recent:
    shown_to: UUID | None
    agent_id: UUID
    asked: AnswerStatus | None = None
    asked_at: float = 0.0


class RecentConversations:
    """Conversations with whom they were shown to last; the oldest are forgotten."""

    def __init__(self, *, size: int = _SIZE) -> None:
        self._size = size
        self._known: OrderedDict[tuple[UUID, UUID], _Recent] = OrderedDict()
        self._asking = 0

    def opened(self, person: Person, conversation_id: UUID, agent_id: UUID) -> None:
        """Note a conversation that this person may ask in."""
        self._note(person.tenant_id, conversation_id, _Recent(person.only_own, agent_id))

    @contextmanager
    def asking(self, person: Person, conversation_id: UUID) -> Iterator[UUID | None]:
        """Yield the agent that a question may be prepared for while it is being stored.

        None when the conversation is not known here, or much is being asked at once.
        """
        known = self._shown(person.tenant_id, conversation_id, person.only_own)
        self._asking += 1
        try:
            yield known.agent_id if known is not None and self._asking <= _MAX_AT_ONCE else None
        finally:
            self._asking -= 1

    def asked(
        self, person: Person, question: AskedQuestion, kind: AnswerKind, *, alone: bool
    ) -> None:
        """Note a question that was just stored; `alone` if no other answer is pending there."""
        status = AnswerStatus(
            answer_id=question.answer_id,
            task_id=question.task_id,
            tenant_id=question.tenant_id,
            conversation_id=question.conversation_id,
            message_id=question.message_id,
            answer_message_id=None,
            state=AnswerState.QUEUED,
            attempt=0,
            kind=kind,
            error=None,
            error_code=None,
            queued_at=datetime.now(UTC),
            completed_at=None,
        )
        asked = status if alone else None
        recent = _Recent(person.only_own, question.agent_id, asked, time.monotonic())
        self._note(question.tenant_id, question.conversation_id, recent)

    def just_asked(
        self, tenant_id: UUID, conversation_id: UUID, entity_id: UUID | None
    ) -> AnswerStatus | None:
        """Return the one answer that a conversation waits for, as it stood a moment ago.

        Args:
            tenant_id: Whose.
            conversation_id: Which.
            entity_id: The conversation must be this one's; None for anybody's.
        """
        recent = self._shown(tenant_id, conversation_id, entity_id)
        if recent is None or time.monotonic() - recent.asked_at > _FRESH_SECONDS:
            return None
        return recent.asked

    def forget(self, tenant_id: UUID, conversation_id: UUID) -> None:
        """Forget what was known of a conversation."""
        self._known.pop((tenant_id, conversation_id), None)

    def _shown(
        self, tenant_id: UUID, conversation_id: UUID, only_own: UUID | None
    ) -> _Recent | None:
        """Return what is known, if it was shown to the same lead, or to people of the company."""
        recent = self._known.get((tenant_id, conversation_id))
        return recent if recent is not None and recent.shown_to == only_own else None

    def _note(self, tenant_id: UUID, conversation_id: UUID, recent: _Recent) -> None:
        self._known[(tenant_id, conversation_id)] = recent
        self._known.move_to_end((tenant_id, conversation_id))
        if len(self._known) > self._size:
            self._known.popitem(last=False)
