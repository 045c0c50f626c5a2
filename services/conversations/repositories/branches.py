"""The branches of a conversation: what was said after a message is left, and can be come back to.

A branch that is left is the whole rest of the conversation at that time. It stays consistent as
long as the message before it shows, so that is what coming back to it asks for.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.conversations.models import Message


class BranchRepository:
    """The branches of a tenant's conversations; who changes them holds the conversation."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def before(self, message: Message) -> Message | None:
        """Return the message that shows before another; None at the beginning."""
        found: Message | None = await self.session.scalar(
            select(Message)
            .where(
                *self._of(message.conversation_id),
                Message.deleted_at.is_(None),
                Message.sequence < message.sequence,
            )
            .order_by(Message.sequence.desc())
            .limit(1)
        )
        return found

    async def question_before(self, message: Message) -> Message | None:
        """Return the nearest question that shows before a message."""
        found: Message | None = await self.session.scalar(
            select(Message)
            .where(
                *self._of(message.conversation_id),
                Message.deleted_at.is_(None),
                Message.role == "user",
                Message.sequence < message.sequence,
            )
            .order_by(Message.sequence.desc())
            .limit(1)
        )
        return found

    async def leave(self, conversation_id: UUID, *, after: Message | None, branch_id: UUID) -> int:
        """Hide what shows after a message as a branch; returns how many messages it has."""
        result = await self.session.execute(
            update(Message)
            .where(
                *self._of(conversation_id),
                Message.deleted_at.is_(None),
                Message.sequence > (after.sequence if after is not None else 0),
            )
            .values(
                deleted_at=func.now(),
                branch_id=branch_id,
                branch_after=after.id if after is not None else None,
            )
            .returning(Message.id)
            .execution_options(synchronize_session=False)
        )
        return len(result.all())

    async def come_back(self, conversation_id: UUID, branch_id: UUID) -> int:
        """Show a branch again; returns how many messages it has."""
        result = await self.session.execute(
            update(Message)
            .where(*self._of(conversation_id), Message.branch_id == branch_id)
            .values(deleted_at=None, branch_id=None, branch_after=None)
            .returning(Message.id)
            .execution_options(synchronize_session=False)
        )
        return len(result.all())

    async def heads(self, conversation_id: UUID, *, after: UUID | None) -> Sequence[Message]:
        """Return the first message of each branch that was left after a message, oldest first."""
        first = (
            select(func.min(Message.sequence))
            .where(
                *self._of(conversation_id),
                Message.branch_id.is_not(None),
                Message.branch_after == after
                if after is not None
                else Message.branch_after.is_(None),
            )
            .group_by(Message.branch_id)
        )
        rows = await self.session.scalars(
            select(Message)
            .where(*self._of(conversation_id), Message.sequence.in_(first))
            .order_by(Message.sequence)
        )
        return rows.all()

    def _of(self, conversation_id: UUID) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        return (Message.tenant_id == self.tenant_id, Message.conversation_id == conversation_id)
