"""Conversations of a tenant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, or_, select, update

from libs.common.database import TenantRepository
from services.conversations.models import Answer, Channel, Conversation, Message


@dataclass(frozen=True, kw_only=True)
class ConversationFilter:
    """Which conversations to list; what is None does not narrow."""

    status: str | None = None
    """`active`, `archived`, `deleted`, or `all` of those that are not deleted."""
    agent_id: UUID | None = None
    entity_type: str | None = None
    entity_id: UUID | None = None
    """A user, an API key, or a lead."""
    reached_by: UUID | None = None
    """A lead's visit."""
    search: str | None = None
    created_before: datetime | None = None
    created_after: datetime | None = None


class ConversationRepository(TenantRepository[Conversation]):
    """The tenant's conversations."""

    model = Conversation

    async def present(
        self, conversation_id: UUID, *, entity_id: UUID | None = None
    ) -> Conversation | None:
        """Return a conversation that is not deleted; None otherwise.

        Args:
            conversation_id: Which.
            entity_id: It must be this one's; None for anybody's.
        """
        query = self.owned().where(
            Conversation.id == conversation_id, Conversation.deleted_at.is_(None)
        )
        if entity_id is not None:
            query = query.where(Conversation.entity_id == entity_id)
        found: Conversation | None = await self.session.scalar(query)
        return found

    async def locked(self, conversation_id: UUID) -> Conversation | None:
        """Return a conversation, deleted or not, that nobody else changes until the end."""
        found: Conversation | None = await self.session.scalar(
            self.owned().where(Conversation.id == conversation_id).with_for_update()
        )
        return found

    async def locked_without_answers(self, conversation_id: UUID) -> Conversation | None:
        """Return a conversation like `locked`, with what is being answered in it stopped."""
        # An answer that ends is locked before its conversation, so this keeps to that order; the
        # second time is for what was asked in between.
        await self._cancel_answers(conversation_id)
        found = await self.locked(conversation_id)
        await self._cancel_answers(conversation_id)
        return found

    async def page(
        self, wanted: ConversationFilter, *, page: int, per_page: int
    ) -> tuple[Sequence[Conversation], int]:
        """Return a page of conversations, newest first, and how many there are in all."""
        query = self._matching(wanted)
        total = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        rows = await self.session.scalars(
            query.order_by(Conversation.id.desc()).limit(per_page).offset((page - 1) * per_page)
        )
        return rows.all(), total or 0

    async def _cancel_answers(self, conversation_id: UUID) -> None:
        await self.session.execute(
            update(Answer)
            .where(
                Answer.tenant_id == self.tenant_id,
                Answer.conversation_id == conversation_id,
                Answer.state.in_(("queued", "running")),
            )
            .values(state="cancelled", lease_owner=None, lease_until=None, completed_at=func.now())
        )

    def _matching(self, wanted: ConversationFilter) -> Select[Conversation]:
        query = self.owned().where(Conversation.channel == Channel.CHAT)
        if wanted.status == "deleted":
            query = query.where(Conversation.deleted_at.is_not(None))
        else:
            query = query.where(Conversation.deleted_at.is_(None))
            if wanted.status in {"active", "archived"}:
                query = query.where(Conversation.status == wanted.status)
        if wanted.agent_id is not None:
            query = query.where(Conversation.agent_id == wanted.agent_id)
        if wanted.entity_type is not None:
            query = query.where(Conversation.entity_type == wanted.entity_type)
        if wanted.entity_id is not None:
            query = query.where(
                or_(
                    Conversation.entity_id == wanted.entity_id,
                    Conversation.lead_id == wanted.entity_id,
                )
            )
        if wanted.reached_by is not None:
            query = query.where(Conversation.entity_id == wanted.reached_by)
        if wanted.search:
            query = query.where(Conversation.title.icontains(wanted.search, autoescape=True))
        if wanted.created_before is not None:
            query = query.where(Conversation.created_at < wanted.created_before)
        if wanted.created_after is not None:
            query = query.where(Conversation.created_at > wanted.created_after)
        return query


class MessageRepository(TenantRepository[Message]):
    """The tenant's messages."""

    model = Message

    async def window(
        self, conversation_id: UUID, *, page: int, per_page: int
    ) -> tuple[Sequence[Message], int]:
        """Return a window of a conversation, oldest first, and how many messages there are.

        Page 1 is the newest window: clients look for the answer to what they have just asked.
        """
        query = self.owned().where(
            Message.conversation_id == conversation_id, Message.deleted_at.is_(None)
        )
        total = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        rows = await self.session.scalars(
            query.order_by(Message.sequence.desc()).limit(per_page).offset((page - 1) * per_page)
        )
        return rows.all()[::-1], total or 0

    async def reread(self, message: Message) -> None:
        """See a message as it stands now, after waiting for a lock."""
        await self.session.refresh(message)

    async def deleted(self, *, page: int, per_page: int) -> tuple[Sequence[Message], int]:
        """Return deleted messages, newest first, and how many there are."""
        query = self.owned().where(Message.deleted_at.is_not(None))
        total = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        rows = await self.session.scalars(
            query.order_by(Message.id.desc()).limit(per_page).offset((page - 1) * per_page)
        )
        return rows.all(), total or 0

    async def delete_all(self, conversation_id: UUID, *, now: datetime) -> int:
        """Hide all messages of a conversation; returns how many."""
        result = await self.session.execute(
            update(Message)
            .where(
                Message.tenant_id == self.tenant_id,
                Message.conversation_id == conversation_id,
                Message.deleted_at.is_(None),
            )
            .values(deleted_at=now)
            .returning(Message.id)
        )
        return len(result.all())

    async def restore_all(self, conversation_id: UUID, *, since: datetime | None = None) -> int:
        """Show all messages of a conversation again; returns how many.

        Args:
            conversation_id: Which.
            since: Only those that were deleted then or later.
        """
        statement = update(Message).where(
            Message.tenant_id == self.tenant_id,
            Message.conversation_id == conversation_id,
            Message.deleted_at.is_not(None),
        )
        if since is not None:
            statement = statement.where(Message.deleted_at >= since)
        result = await self.session.execute(statement.values(deleted_at=None).returning(Message.id))
        return len(result.all())
