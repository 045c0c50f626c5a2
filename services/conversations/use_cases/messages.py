"""Listing, deleting and restoring messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from services.conversations.domain.errors import (
    ConversationIsDeleted,
    ConversationNotFound,
    MessageNotFound,
    NotDeleted,
)
from services.conversations.domain.people import Person
from services.conversations.domain.ports import Recent
from services.conversations.models import Citation, Conversation, Message
from services.conversations.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, slots=True)
class MessageWindow:
    """A part of a conversation, oldest message first."""

    conversation: Conversation
    messages: Sequence[Message]
    citations: dict[UUID, list[Citation]]
    total: int


@dataclass(frozen=True, kw_only=True)
class ListMessages:
    """Read a conversation; page 1 is its newest part."""

    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, person: Person, conversation_id: UUID, *, page: int, per_page: int
    ) -> MessageWindow:
        """Return a window of the conversation.

        Raises:
            ConversationNotFound: Or it is deleted, or somebody else's.
        """
        # Not from a replica: who has just asked looks for the answer here.
        async with self.unit_of_work(person.tenant_id) as uow:
            conversation = await uow.conversations.present(
                conversation_id, entity_id=person.only_own
            )
            if conversation is None:
                raise ConversationNotFound
            messages, total = await uow.messages.window(
                conversation_id, page=page, per_page=per_page
            )
            answers = [message.id for message in messages if message.role == "assistant"]
            citations = await uow.citations.of_messages(answers)
        return MessageWindow(conversation, messages, citations, total)


@dataclass(frozen=True, kw_only=True)
class ListDeletedMessages:
    """List what was deleted, newest first."""

    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, person: Person, *, page: int, per_page: int
    ) -> tuple[Sequence[Message], int]:
        """Return a page of deleted messages and how many there are."""
        async with self.unit_of_work(person.tenant_id, read_only=True) as uow:
            return await uow.messages.deleted(page=page, per_page=per_page)


@dataclass(frozen=True, kw_only=True)
class DeleteMessages:
    """Hide all messages of a conversation."""

    unit_of_work: OpenUnitOfWork
    recent: Recent

    async def __call__(self, person: Person, conversation_id: UUID) -> int:
        """Return how many were hidden.

        Raises:
            ConversationNotFound: Or it is deleted.
        """
        async with self.unit_of_work(person.tenant_id) as uow:
            conversation = await uow.conversations.locked_without_answers(conversation_id)
            if conversation is None or conversation.deleted_at is not None:
                raise ConversationNotFound
            count = await uow.messages.delete_all(conversation_id, now=datetime.now(UTC))
            conversation.message_count = 0
        self.recent.forget(person.tenant_id, conversation_id)
        return count


@dataclass(frozen=True, kw_only=True)
class RestoreMessages:
    """Show all messages of a conversation again."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, person: Person, conversation_id: UUID) -> int:
        """Return how many came back.

        Raises:
            ConversationNotFound: There is no such conversation.
            ConversationIsDeleted: It must be restored first.
        """
        async with self.unit_of_work(person.tenant_id) as uow:
            conversation = await uow.conversations.locked(conversation_id)
            if conversation is None:
                raise ConversationNotFound
            if conversation.deleted_at is not None:
                raise ConversationIsDeleted
            count = await uow.messages.restore_all(conversation_id)
            conversation.message_count += count
        return count


@dataclass(frozen=True, kw_only=True)
class DeleteMessage:
    """Hide one message."""

    unit_of_work: OpenUnitOfWork
    recent: Recent

    async def __call__(self, person: Person, message_id: UUID) -> None:
        """Hide it.

        Raises:
            MessageNotFound: Or it is deleted already.
        """
        async with self.unit_of_work(person.tenant_id) as uow:
            message = await uow.messages.get(message_id)
            if message is None:
                raise MessageNotFound
            # Whoever changes a conversation's messages holds the conversation first.
            conversation = await uow.conversations.locked(message.conversation_id)
            await uow.messages.reread(message)
            if message.deleted_at is not None:
                raise MessageNotFound
            message.deleted_at = datetime.now(UTC)
            if conversation is not None:
                conversation.message_count = max(0, conversation.message_count - 1)
        self.recent.forget(person.tenant_id, message.conversation_id)


@dataclass(frozen=True, kw_only=True)
class RestoreMessage:
    """Show a deleted message again."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, person: Person, message_id: UUID) -> Message:
        """Return the message.

        Raises:
            MessageNotFound: There is no such message.
            NotDeleted: It is there.
            ConversationIsDeleted: Its conversation must be restored first.
        """
        async with self.unit_of_work(person.tenant_id) as uow:
            message = await uow.messages.get(message_id)
            if message is None:
                raise MessageNotFound
            conversation = await uow.conversations.locked(message.conversation_id)
            await uow.messages.reread(message)
            if message.deleted_at is None:
                raise NotDeleted
            if conversation is None or conversation.deleted_at is not None:
                raise ConversationIsDeleted
            message.deleted_at = None
            conversation.message_count += 1
        return message
