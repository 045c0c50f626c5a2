"""Cancelling an answer that is being made, wherever that happens."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.conversations.domain.answers import AnswerState, AnswerStatus, StoredMessage
from services.conversations.domain.errors import AnswerCancelled, MessageNotFound, NothingToCancel
from services.conversations.domain.frames import LAST_SEQUENCE, Frame, Position, frames_of
from services.conversations.domain.people import Person
from services.conversations.domain.ports import AnswerFeeds, Cancellations
from services.conversations.repositories.answers import AnswerStore
from services.conversations.repositories.unit_of_work import OpenUnitOfWork

_PATIENCE_SECONDS: Final = 3.0
_LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class CancelledAnswer:
    """How an answer stands that was cancelled; its message holds what had been written by then.

    It is pending as long as the worker that has it has not let go.
    """

    status: AnswerStatus
    message: StoredMessage | None


@dataclass(frozen=True, kw_only=True)
class CancelAnswer:
    """Stop an answer: at once where nobody has begun it, else by the worker that makes it."""

    unit_of_work: OpenUnitOfWork
    store: AnswerStore
    feeds: AnswerFeeds
    cancellations: Cancellations

    async def __call__(self, person: Person, name: UUID) -> CancelledAnswer:
        """Return how the answer stands once it has stopped, or after three seconds.

        Args:
            person: Who wants it.
            name: The id of the question, or of the answer.

        Raises:
            MessageNotFound: There is no such message, or it is somebody else's.
            NothingToCancel: The answer is there.
        """
        async with self.unit_of_work(person.tenant_id) as uow:
            answer = await uow.answers.named(name, entity_id=person.only_own)
            if answer is None:
                raise MessageNotFound
            answer_id, state = answer.id, AnswerState(answer.state)
            if not state.pending and state is not AnswerState.CANCELLED:
                raise NothingToCancel
            ended = state.pending and await uow.answers.cancel(answer)
        if state is AnswerState.RUNNING:
            await self.cancellations.tell(answer_id)
        settled = await self._settled(person.tenant_id, answer_id)
        if ended:
            position = Position(settled.status.attempt, LAST_SEQUENCE)
            body = frames_of(settled.status).failed(
                AnswerCancelled.message, AnswerCancelled.code, position
            )
            await self.feeds.end(person.tenant_id, answer_id, Frame(position, last=True, body=body))
        return settled

    async def _settled(self, tenant_id: UUID, answer_id: UUID) -> CancelledAnswer:
        give_up_at = time.monotonic() + _PATIENCE_SECONDS
        while True:
            status = await self.store.status(tenant_id, answer_id)
            if status is None:
                raise MessageNotFound
            if not status.state.pending:
                break
            if time.monotonic() > give_up_at:
                return CancelledAnswer(status, None)
            await asyncio.sleep(_LOOK_SECONDS)
        if status.state is not AnswerState.CANCELLED:
            raise NothingToCancel
        if status.answer_message_id is None:
            return CancelledAnswer(status, None)
        return CancelledAnswer(
            status, await self.store.message(tenant_id, status.answer_message_id)
        )
