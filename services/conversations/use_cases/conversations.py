"""Opening, listing, deleting and restoring conversations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.common.events.catalogue.conversations import (
    ConversationDeleted,
    ConversationRestored,
    ConversationStarted,
)
from services.conversations.domain.agents import AgentProfile
from services.conversations.domain.errors import ConversationNotFound, NotDeleted
from services.conversations.domain.people import Person
from services.conversations.domain.ports import Agents, Recent
from services.conversations.models import Channel, Conversation
from services.conversations.repositories.conversations import ConversationFilter
from services.conversations.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class StartConversation:
    """Open a conversation with an agent of the tenant."""

    unit_of_work: OpenUnitOfWork
    agents: Agents
    recent: Recent

    async def __call__(
        self,
        person: Person,
        *,
        agent_id: UUID,
        title: str = "",
        channel: Channel = Channel.CHAT,
        metadata: dict[str, Any] | None = None,
        max_context_length: int = 4000,
    ) -> tuple[Conversation, AgentProfile]:
        """Return the new conversation and its agent.

        Raises:
            AgentNotFound: The tenant has no such agent.
        """
        agent = await self.agents.profile(person.tenant_id, agent_id)
        conversation = Conversation.with_agent(
            agent.id,
            entity_type=person.entity_type,
            entity_id=person.entity_id,
            lead_id=person.lead_id,
            now=datetime.now(UTC),
            title=title,
            channel=channel,
            metadata=metadata,
            max_context_length=max_context_length,
        )
        async with self.unit_of_work(person.tenant_id) as uow:
            uow.conversations.add(conversation)
            if channel is Channel.CHAT:
                uow.outbox.record(
                    ConversationStarted(conversation_id=conversation.id, agent_id=agent.id),
                    aggregate_id=conversation.id,
                )
        self.recent.opened(person, conversation.id, agent.id)
        return conversation, agent


@dataclass(frozen=True, kw_only=True)
class ListConversations:
    """List a tenant's conversations, newest first."""

    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, person: Person, wanted: ConversationFilter, *, page: int, per_page: int
    ) -> tuple[Sequence[Conversation], int]:
        """Return a page of them, and how many there are in all; leads see their own only."""
        if person.only_own is not None:
            if wanted.entity_id not in {None, person.only_own, person.lead_id}:
                raise ConversationNotFound
            wanted = ConversationFilter(
                **{
                    **vars(wanted),
                    "entity_id": None,
                    "entity_type": None,
                    "reached_by": person.only_own,
                }
            )
        async with self.unit_of_work(person.tenant_id, read_only=True) as uow:
            return await uow.conversations.page(wanted, page=page, per_page=per_page)


@dataclass(frozen=True, kw_only=True)
class DeleteConversation:
    """Hide a conversation and its messages; what is being answered stops."""

    unit_of_work: OpenUnitOfWork
    recent: Recent

    async def __call__(self, person: Person, conversation_id: UUID) -> int:
        """Return how many messages were hidden.

        Raises:
            ConversationNotFound: Or it is deleted already.
        """
        now = datetime.now(UTC)
        async with self.unit_of_work(person.tenant_id) as uow:
            conversation = await uow.conversations.locked_without_answers(conversation_id)
            if conversation is None or conversation.deleted_at is not None:
                raise ConversationNotFound
            conversation.deleted_at = now
            count = await uow.messages.delete_all(conversation_id, now=now)
            conversation.message_count = 0
            uow.outbox.record(
                ConversationDeleted(
                    conversation_id=conversation_id, agent_id=conversation.agent_id
                ),
                aggregate_id=conversation_id,
            )
        self.recent.forget(person.tenant_id, conversation_id)
        return count


@dataclass(frozen=True, kw_only=True)
class RestoreConversation:
    """Bring a deleted conversation back, with the messages that went with it."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, person: Person, conversation_id: UUID) -> tuple[Conversation, int]:
        """Return the conversation and how many messages came back.

        Raises:
            ConversationNotFound: There is no such conversation.
            NotDeleted: It is there.
        """
        async with self.unit_of_work(person.tenant_id) as uow:
            conversation = await uow.conversations.locked(conversation_id)
            if conversation is None:
                raise ConversationNotFound
            if conversation.deleted_at is None:
                raise NotDeleted
            # What had been deleted before stays deleted.
            count = await uow.messages.restore_all(conversation_id, since=conversation.deleted_at)
            conversation.deleted_at = None
            conversation.message_count += count
            uow.outbox.record(
                ConversationRestored(
                    conversation_id=conversation_id, agent_id=conversation.agent_id
                ),
                aggregate_id=conversation_id,
            )
        return conversation, count
