"""Asking again: another answer to a question, or the question in other words.

Either way the conversation forks. What was said from there on is left, and can be come back to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from libs.common.events.catalogue.conversations import MessagePosted
from libs.common.ids import new_id, new_task_id
from libs.common.telemetry import current_traceparent
from services.conversations.domain.answers import AskedQuestion
from services.conversations.domain.errors import (
    AnswerPending,
    HandedOver,
    MessageNotFound,
    NotAnAlternative,
    NotAQuestion,
)
from services.conversations.domain.handoff import Handoff
from services.conversations.domain.people import Person
from services.conversations.domain.ports import AnswerQueue, Recent
from services.conversations.domain.questions import checked_question
from services.conversations.models import Citation, Conversation, Message
from services.conversations.repositories.unit_of_work import (
    ConversationsUnitOfWork,
    OpenUnitOfWork,
)


@dataclass(frozen=True, kw_only=True)
class RegenerateAnswer:
    """Have a question answered once more; the answer that was there becomes an alternative."""

    unit_of_work: OpenUnitOfWork
    queue: AnswerQueue
    recent: Recent

    async def __call__(self, person: Person, message_id: UUID) -> AskedQuestion:
        """Return the question, and the answer that is queued for it.

        Args:
            person: Who asks.
            message_id: The question, or an answer to it.

        Raises:
            MessageNotFound: There is no such message, or it is somebody else's.
            AnswerPending: Something is being answered in the conversation.
        """
        traceparent = current_traceparent()
        async with self.unit_of_work(person.tenant_id) as uow:
            conversation, message = await _forking(uow, person, message_id)
            question = message if message.role == "user" else await _question_of(uow, message)
            conversation.message_count -= await uow.branches.leave(
                conversation.id, after=question, branch_id=new_id()
            )
            groups = _groups(person, conversation)
            asked = await _queue(uow, conversation, question.id, traceparent, groups)
        self.recent.forget(person.tenant_id, asked.conversation_id)
        self.queue.put(asked, question.content, traceparent=traceparent, groups=groups)
        return asked


@dataclass(frozen=True, kw_only=True)
class EditQuestion:
    """Ask a question in other words, in its place."""

    unit_of_work: OpenUnitOfWork
    queue: AnswerQueue
    recent: Recent

    async def __call__(self, person: Person, message_id: UUID, text: str) -> AskedQuestion:
        """Return the question as it is asked now, and the answer that is queued for it.

        Raises:
            EmptyMessage: Nothing is asked.
            MessageTooLong: Too much is.
            MessageNotFound: There is no such message, or it is somebody else's.
            NotAQuestion: The message is an answer.
            AnswerPending: Something is being answered in the conversation.
        """
        text = checked_question(text)
        traceparent = current_traceparent()
        async with self.unit_of_work(person.tenant_id) as uow:
            conversation, message = await _forking(uow, person, message_id)
            if message.role != "user":
                raise NotAQuestion
            before = await uow.branches.before(message)
            left = await uow.branches.leave(conversation.id, after=before, branch_id=new_id())
            conversation.last_sequence += 1
            conversation.message_count += 1 - left
            question = Message(
                id=new_id(),
                conversation_id=conversation.id,
                sequence=conversation.last_sequence,
                role="user",
                content=text,
            )
            uow.messages.add(question)
            groups = _groups(person, conversation)
            asked = await _queue(uow, conversation, question.id, traceparent, groups)
            uow.outbox.record(
                MessagePosted(
                    message_id=question.id,
                    conversation_id=conversation.id,
                    agent_id=conversation.agent_id,
                ),
                aggregate_id=question.id,
            )
        self.recent.forget(person.tenant_id, asked.conversation_id)
        self.queue.put(asked, text, traceparent=traceparent, groups=groups)
        return asked


@dataclass(frozen=True, slots=True)
class Alternatives:
    """A message that shows, and what stood in its place before."""

    message: Message
    others: Sequence[Message]
    citations: dict[UUID, list[Citation]]


@dataclass(frozen=True, kw_only=True)
class ListAlternatives:
    """List what has stood in a message's place: other answers, or other words of a question."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, person: Person, message_id: UUID) -> Alternatives:
        """Return the message and its alternatives, oldest first.

        Raises:
            MessageNotFound: There is no such message, it does not show, or is somebody else's.
        """
        async with self.unit_of_work(person.tenant_id) as uow:
            message = await uow.messages.get(message_id)
            if message is None or message.deleted_at is not None:
                raise MessageNotFound
            conversation = await uow.conversations.present(
                message.conversation_id, entity_id=person.only_own
            )
            if conversation is None:
                raise MessageNotFound
            before = await uow.branches.before(message)
            others = await uow.branches.heads(
                conversation.id, after=before.id if before is not None else None
            )
            citations = await uow.citations.of_messages([other.id for other in others])
        return Alternatives(message, others, citations)


@dataclass(frozen=True, kw_only=True)
class SelectAlternative:
    """Come back to a branch that was left; the one that showed becomes an alternative."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, person: Person, message_id: UUID) -> Message:
        """Return the message, which shows again with all that followed it.

        Raises:
            MessageNotFound: There is no such message, or it is somebody else's.
            NotAnAlternative: It shows already, or the message before it does not.
            AnswerPending: Something is being answered in the conversation.
        """
        async with self.unit_of_work(person.tenant_id) as uow:
            conversation, message = await _forking(uow, person, message_id, shown=False)
            branch_id = message.branch_id
            if branch_id is None:
                raise NotAnAlternative
            before = None
            if message.branch_after is not None:
                before = await uow.messages.get(message.branch_after)
                if before is None or before.deleted_at is not None:
                    raise NotAnAlternative
            left = await uow.branches.leave(conversation.id, after=before, branch_id=new_id())
            back = await uow.branches.come_back(conversation.id, branch_id)
            conversation.message_count += back - left
            await uow.messages.reread(message)
        return message


async def _forking(
    uow: ConversationsUnitOfWork, person: Person, message_id: UUID, *, shown: bool = True
) -> tuple[Conversation, Message]:
    """Return a message and its conversation, in which nothing happens until the end."""
    message = await uow.messages.get(message_id)
    if message is None:
        raise MessageNotFound
    conversation = await uow.conversations.locked(message.conversation_id)
    if (
        conversation is None
        or conversation.deleted_at is not None
        or person.only_own not in {None, conversation.entity_id}
    ):
        raise MessageNotFound
    await uow.messages.reread(message)
    deleted = message.deleted_at is not None and not message.superseded
    if deleted or (shown and message.superseded):
        raise MessageNotFound
    if conversation.handoff == Handoff.HUMAN:
        raise HandedOver
    if await uow.answers.any_pending(conversation.id):
        raise AnswerPending
    return conversation, message


async def _question_of(uow: ConversationsUnitOfWork, message: Message) -> Message:
    asked = await uow.answers.question_of(message)
    question = (
        await uow.messages.get(asked)
        if asked is not None
        # What came along with a completion's history was not asked here.
        else await uow.branches.question_before(message)
    )
    if question is None or question.deleted_at is not None:
        raise MessageNotFound
    return question


def _groups(person: Person, conversation: Conversation) -> tuple[UUID, ...]:
    # A visitor reads what is said here, and is in no group: migration 0008 does so for `ask`.
    return person.groups if conversation.lead_id is None else ()


async def _queue(
    uow: ConversationsUnitOfWork,
    conversation: Conversation,
    message_id: UUID,
    traceparent: str | None,
    groups: Sequence[UUID],
) -> AskedQuestion:
    asked = AskedQuestion(
        tenant_id=uow.tenant_id,
        conversation_id=conversation.id,
        agent_id=conversation.agent_id,
        message_id=message_id,
        answer_id=new_id(),
        task_id=new_task_id("conversations"),
    )
    await uow.answers.queue(asked, traceparent=traceparent, groups=groups)
    return asked
