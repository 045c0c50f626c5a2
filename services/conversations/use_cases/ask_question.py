"""Asking: the question is stored and its answer queued, before anything slow begins."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from libs.common.telemetry import current_traceparent
from services.conversations.domain.answers import (
    AnswerKind,
    AnswerStatus,
    AskedQuestion,
    QuestionIds,
    StoredMessage,
    Turn,
)
from services.conversations.domain.errors import ConversationNotFound, TaskNotFound
from services.conversations.domain.frames import Frame
from services.conversations.domain.people import Person
from services.conversations.domain.ports import AnswerQueue, Recent
from services.conversations.domain.questions import checked_question
from services.conversations.repositories.answers import AnswerStore
from services.conversations.use_cases.follow_answers import FollowAnswers

# Somewhat less than workers look for what was announced early: `_EARLY_PAUSES_SECONDS` of theirs.
_EARLY_PATIENCE_SECONDS: Final = 0.05


@dataclass(frozen=True, kw_only=True)
class AskQuestion:
    """Store a question in a conversation and have it answered."""

    store: AnswerStore
    queue: AnswerQueue
    recent: Recent

    async def __call__(
        self,
        person: Person,
        conversation_id: UUID,
        text: str,
        *,
        kind: AnswerKind = AnswerKind.CHAT,
        options: Mapping[str, Any] | None = None,
        history: Sequence[Turn] = (),
    ) -> AskedQuestion:
        """Return the stored question, and the answer that is queued for it.

        None is queued where a person has the conversation (`AskedQuestion.awaits_answer`).

        Args:
            person: Who asks.
            conversation_id: Where.
            text: What.
            kind: By which route.
            options: For the model call.
            history: Earlier turns that the conversation does not have yet.

        Raises:
            EmptyMessage: Nothing was asked.
            MessageTooLong: Too much was.
            ConversationNotFound: Or it is deleted, or somebody else's.
        """
        text = checked_question(text)
        traceparent = current_traceparent()
        ids = QuestionIds.new(person.tenant_id, conversation_id)
        groups = person.groups
        began = time.monotonic()
        with self.recent.asking(person, conversation_id) as agent_id:
            # While there is time to spare, a worker looks things up as this is being stored.
            if agent_id is not None:
                self.queue.put(
                    ids.asked(agent_id), text, traceparent=traceparent, groups=groups, early=True
                )
            stored = await self.store.ask(
                ids,
                entity_id=person.only_own,
                text=text,
                kind=kind,
                options=dict(options or {}),
                history=history,
                traceparent=traceparent,
                groups=groups,
            )
        if stored is None:
            self.recent.forget(person.tenant_id, conversation_id)
            raise ConversationNotFound
        question, alone = stored
        if not question.awaits_answer:
            self.recent.forget(person.tenant_id, conversation_id)
            return question
        # A crash between the two is covered: workers look for what was queued and not taken. Who
        # hears of the question publishes its event too. Who heard early may have given up by now.
        if agent_id is None or time.monotonic() - began > _EARLY_PATIENCE_SECONDS:
            self.queue.put(question, text, traceparent=traceparent, groups=groups)
        self.recent.asked(person, question, kind, alone=alone)
        return question


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """How an answer stands, and the assistant's message once there is one."""

    status: AnswerStatus
    message: StoredMessage | None
    question: str = ""
    """What was asked; only for answers that repeat it."""


@dataclass(frozen=True, kw_only=True)
class AwaitAnswer:
    """Follow one answer that has just been asked for."""

    store: AnswerStore
    follow: FollowAnswers

    async def frames(self, question: AskedQuestion) -> AsyncIterator[list[Frame] | None]:
        """Yield the frames of the answer as they come; None when nothing came for a while."""
        status = await self.store.status(question.tenant_id, question.answer_id)
        if status is not None:
            async for frames in self.follow.one(status):
                yield frames

    async def outcome(self, question: AskedQuestion, *, timeout_seconds: float) -> AnswerOutcome:
        """Wait for the answer; it may still be pending when the time is over."""
        ends_at = time.monotonic() + timeout_seconds
        try:
            async with asyncio.timeout(max(0.0, ends_at - time.monotonic())):
                async for _ in self.frames(question):
                    pass
        except TimeoutError:
            pass
        return await self.current(question.tenant_id, question.answer_id)

    async def current(self, tenant_id: UUID, answer_id: UUID) -> AnswerOutcome:
        """Return how an answer stands now.

        Raises:
            TaskNotFound: There is no such answer, or it was deleted.
        """
        status = await self.store.status(tenant_id, answer_id)
        if status is None:
            raise TaskNotFound
        message = None
        if status.answer_message_id is not None:
            message = await self.store.message(tenant_id, status.answer_message_id)
            if message is None:
                # Deleted: whoever holds the task's id shall not read it any more either.
                raise TaskNotFound
        asked = None
        if status.kind is AnswerKind.TEST:
            asked = await self.store.message(tenant_id, status.message_id)
        return AnswerOutcome(status, message, asked.content if asked is not None else "")


@dataclass(frozen=True, kw_only=True)
class ReadTask:
    """Tell how a task stands; whoever holds its id may know."""

    store: AnswerStore
    answers: AwaitAnswer

    async def __call__(self, task_id: UUID, *, tenant_id: UUID | None) -> AnswerOutcome:
        """Return the outcome so far.

        Args:
            task_id: The capability.
            tenant_id: Of the caller, if one is known; another tenant's caller finds nothing.

        Raises:
            TaskNotFound: Or its day is over.
        """
        found = await self.store.find_task(task_id)
        if found is None or tenant_id not in {None, found[0]}:
            raise TaskNotFound
        return await self.answers.current(*found)
