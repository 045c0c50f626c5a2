"""What a lead finds under the id of a conversation that another of their visits began.

The published widget keeps a conversation's id for good, and registers again without proof once its
token has run out. It must neither see what was said before nor be stuck: it finds a new, empty
conversation there, and goes on in that.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from libs.common.events.catalogue.conversations import ConversationStarted
from services.conversations.domain.errors import ConversationNotFound
from services.conversations.domain.people import Person
from services.conversations.models import Conversation
from services.conversations.repositories.unit_of_work import OpenUnitOfWork

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class InLeadsConversation:
    """Do something in a conversation, or in the one that stands in its place for this visit."""

    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, person: Person, conversation_id: UUID, act: Callable[[UUID], Awaitable[T]]
    ) -> T:
        """Return what `act` does.

        Raises:
            ConversationNotFound: It is not one of this lead's, or it is deleted.
        """
        try:
            return await act(conversation_id)
        except ConversationNotFound:
            if person.lead_id is None or person.only_own is None:
                raise
            return await act(await self._instead(person, conversation_id))

    async def _instead(self, person: Person, conversation_id: UUID) -> UUID:
        visit_id, lead_id = person.only_own, person.lead_id
        async with self.unit_of_work(person.tenant_id) as uow:
            earlier = await uow.conversations.present(conversation_id)
            if (
                visit_id is None
                or earlier is None
                or earlier.lead_id != lead_id
                or earlier.entity_id == visit_id
            ):
                raise ConversationNotFound
            new = Conversation.with_agent(
                earlier.agent_id,
                entity_type="lead",
                entity_id=visit_id,
                lead_id=lead_id,
                now=datetime.now(UTC),
                title=earlier.title,
            )
            taken = await uow.visits.put_instead(visit_id, conversation_id, replacement_id=new.id)
            if taken != new.id:
                return taken
            uow.conversations.add(new)
            uow.outbox.record(
                ConversationStarted(conversation_id=new.id, agent_id=new.agent_id),
                aggregate_id=new.id,
            )
        return new.id
