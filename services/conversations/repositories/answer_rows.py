"""Answers as rows of a unit of work: for what people do to them, beside the engine's own steps."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, insert, or_, select

from libs.common.database import TenantRepository
from services.conversations.domain.answers import AnswerKind, AskedQuestion
from services.conversations.models import Answer, Conversation, Message
from services.conversations.repositories.answers import GROUPS


class AnswerRepository(TenantRepository[Answer]):
    """The tenant's answers."""

    model = Answer

    async def named(self, name: UUID, *, entity_id: UUID | None) -> Answer | None:
        """Return the answer that a question's, an answer's or its message's id names.

        Of several answers to a question, the one that is pending, else the newest. Nobody else
        changes it until the end.

        Args:
            name: The id.
            entity_id: The conversation must be this one's; None for anybody's.
        """
        # A message that holds an answer is found by its conversation, which has an index.
        conversation = (
            select(Message.conversation_id)
            .where(Message.tenant_id == self.tenant_id, Message.id == name)
            .scalar_subquery()
        )
        query = (
            self.owned()
            .join(
                Conversation,
                (Conversation.tenant_id == Answer.tenant_id)
                & (Conversation.id == Answer.conversation_id),
            )
            .where(
                or_(
                    Answer.id == name,
                    Answer.message_id == name,
                    (Answer.conversation_id == conversation) & (Answer.answer_message_id == name),
                ),
                Conversation.deleted_at.is_(None),
            )
            .order_by(Answer.completed_at.is_(None).desc(), Answer.id.desc())
            .limit(1)
            .with_for_update(of=Answer)
        )
        if entity_id is not None:
            query = query.where(Conversation.entity_id == entity_id)
        found: Answer | None = await self.session.scalar(query)
        return found

    async def queue(
        self, asked: AskedQuestion, *, traceparent: str | None, groups: Sequence[UUID]
    ) -> None:
        """Queue an answer to a question that is stored, for a member of groups."""
        await self.session.flush()
        await self.session.execute(
            insert(Answer).values(
                tenant_id=self.tenant_id,
                id=asked.answer_id,
                conversation_id=asked.conversation_id,
                message_id=asked.message_id,
                agent_id=asked.agent_id,
                task_id=asked.task_id,
                kind=AnswerKind.CHAT.value,
                traceparent=traceparent,
                options={GROUPS: list(map(str, groups))} if groups else {},
            )
        )

    async def cancel(self, answer: Answer) -> bool:
        """Have a pending answer cancelled; returns whether that was all there was to do.

        It was where nobody has begun it. Otherwise who makes it, or takes it over from a dead
        worker, has to end it, since it may have cost something.
        """
        ended = answer.state == "queued" and answer.attempt == 0
        answer.cancel_requested_at = func.clock_timestamp()
        if ended:
            answer.state = "cancelled"
            answer.completed_at = func.clock_timestamp()
        await self.session.flush()
        return ended

    async def any_pending(self, conversation_id: UUID) -> bool:
        """Return whether something is being answered in a conversation."""
        found = await self.session.scalar(
            select(
                self.owned()
                .where(Answer.conversation_id == conversation_id, Answer.completed_at.is_(None))
                .exists()
            )
        )
        return bool(found)

    async def question_of(self, message: Message) -> UUID | None:
        """Return the message that an answer's message answers, as far as it was asked here."""
        found: UUID | None = await self.session.scalar(
            select(Answer.message_id).where(
                Answer.tenant_id == self.tenant_id,
                Answer.conversation_id == message.conversation_id,
                Answer.answer_message_id == message.id,
            )
        )
        return found
