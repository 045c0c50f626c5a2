"""What other services tell that concerns agents: their conversations and their documents."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events import EventEnvelope
from libs.common.events.catalogue.conversations import (
    AnswerCompleted,
    ConversationDeleted,
    ConversationRestored,
    ConversationStarted,
    MessagePosted,
)
from libs.common.events.catalogue.documents import (
    DocumentDeleted,
    DocumentIndexed,
    DocumentRestored,
)
from libs.common.events.delivery import EveryOne, Handlers
from services.agents.wiring import count_activity


async def conversation_started(
    event: ConversationStarted, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Count it."""
    activity = count_activity(session, envelope.tenant_id)
    await activity.conversations(agent_id=event.agent_id, started=1, active=1)


async def conversation_deleted(
    event: ConversationDeleted, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """It was held, and is active no more."""
    activity = count_activity(session, envelope.tenant_id)
    await activity.conversations(agent_id=event.agent_id, started=0, active=-1)


async def conversation_restored(
    event: ConversationRestored, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """It is active again."""
    activity = count_activity(session, envelope.tenant_id)
    await activity.conversations(agent_id=event.agent_id, started=0, active=1)


async def message_posted(
    event: MessagePosted, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Count the question."""
    await count_activity(session, envelope.tenant_id).question(agent_id=event.agent_id)


async def answer_completed(
    event: AnswerCompleted, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Count the answer and how long it took."""
    activity = count_activity(session, envelope.tenant_id)
    await activity.answer(agent_id=event.agent_id, duration_ms=event.duration_ms)


async def document_searchable(
    event: DocumentIndexed | DocumentRestored, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """The agent knows one document more."""
    await count_activity(session, envelope.tenant_id).document(
        event.document_id, agent_id=event.agent_id, is_indexed=True, at=envelope.occurred_at
    )


async def document_deleted(
    event: DocumentDeleted, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """The agent knows one document less."""
    await count_activity(session, envelope.tenant_id).document(
        event.document_id, agent_id=event.agent_id, is_indexed=False, at=envelope.occurred_at
    )


# Counting wants every event; what can be searched is a state, of which the newest counts.
HANDLERS: Final[Handlers] = {
    ConversationStarted: EveryOne(conversation_started),
    ConversationDeleted: EveryOne(conversation_deleted),
    ConversationRestored: EveryOne(conversation_restored),
    MessagePosted: EveryOne(message_posted),
    AnswerCompleted: EveryOne(answer_completed),
    DocumentIndexed: document_searchable,
    DocumentRestored: document_searchable,
    DocumentDeleted: document_deleted,
}
