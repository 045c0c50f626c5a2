"""Rating an answer, with a comment where somebody has more to say."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from libs.common.events.catalogue.conversations import MessageRated
from services.conversations.domain.errors import MessageNotFound, NoAnswerToRate
from services.conversations.domain.people import Person
from services.conversations.models import Conversation, Message
from services.conversations.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class RateAnswer:
    """Keep what somebody thinks of an answer; who rates again has thought again."""

    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, person: Person, message_id: UUID, *, rating: int, comment: str | None
    ) -> tuple[Message, Conversation]:
        """Return the message, and its conversation with the ratings' new average.

        Args:
            person: Who rates.
            message_id: The answer.
            rating: 1 to 5.
            comment: In their own words.

        Raises:
            MessageNotFound: There is no such message, or it is somebody else's.
            NoAnswerToRate: It is a question.
        """
        async with self.unit_of_work(person.tenant_id) as uow:
            message = await uow.messages.get(message_id)
            if message is None:
                raise MessageNotFound
            conversation = await uow.conversations.locked(message.conversation_id)
            await uow.messages.reread(message)
            if (
                conversation is None
                or conversation.deleted_at is not None
                or (message.deleted_at is not None and not message.superseded)
                or person.only_own not in {None, conversation.entity_id}
            ):
                raise MessageNotFound
            if message.role != "assistant":
                raise NoAnswerToRate
            before: dict[str, Any] = message.user_feedback or {}
            version = int(before.get("version", 0)) + 1
            message.user_feedback = {
                "rating": rating,
                "comment": comment,
                "rated_at": datetime.now(UTC).isoformat(),
                "version": version,
            }
            conversation.lead_satisfaction = await uow.messages.average_rating(conversation.id)
            uow.outbox.record(
                MessageRated(
                    message_id=message_id,
                    conversation_id=conversation.id,
                    agent_id=conversation.agent_id,
                    rating=rating,
                    previous_rating=before.get("rating"),
                    rating_version=version,
                    agent_version=message.details.get("agent_version"),
                ),
                # Without a version of the aggregate: who adds ratings up needs each of them.
                aggregate_id=message_id,
            )
        return message, conversation
