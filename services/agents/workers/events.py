"""What other services tell that concerns agents: conversations, documents, closed companies."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.events import EventEnvelope
from libs.common.events.catalogue.auth import TenantClosed, TenantReopened
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
from libs.common.events.delivery import Delivered, Handlers, Together
from services.agents.domain.activity import Results, Steps
from services.agents.wiring import close_tenant, count_activity

Counted = (
    ConversationStarted
    | ConversationDeleted
    | ConversationRestored
    | MessagePosted
    | AnswerCompleted
)


async def count_all(events: Sequence[Delivered], session: AsyncSession) -> None:
    """Count what was asked, answered, opened and deleted."""
    await count_activity(session, events[0].envelope.tenant_id).all_of(
        (
            (one.event.agent_id, _steps(one.event))
            for one in events
            if isinstance(one.event, Counted)
        ),
        results=(
            (one.event.agent_id, one.event.agent_version, _results(one.event))
            for one in events
            if isinstance(one.event, AnswerCompleted) and one.event.agent_version is not None
        ),
    )


def _results(event: AnswerCompleted) -> Results:
    return Results(
        answers=1,
        generated=int(event.mode == "generated"),
        refused=int(event.mode == "refused"),
        extractive=int(event.mode == "extractive"),
        citations=event.citation_count,
        prompt_tokens=event.prompt_tokens,
        completion_tokens=event.completion_tokens,
        cost_micros=event.cost_micros,
        duration_ms=event.duration_ms,
    )


def _steps(event: Counted) -> Steps:
    """Return by how much an event changes the counters of its agent."""
    match event:
        case ConversationStarted():
            return Steps(conversations=1, active=1)
        case ConversationDeleted():
            # It was held, and is active no more.
            return Steps(active=-1)
        case ConversationRestored():
            return Steps(active=1)
        case MessagePosted():
            return Steps(messages=1)
        case AnswerCompleted():
            return Steps(messages=1, answers=1, answer_ms=event.duration_ms)


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


async def tenant_closed(
    _event: TenantClosed, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """Nobody sees the company's agents any more."""
    await close_tenant(session, envelope.tenant_id)(closed_at=envelope.occurred_at)


async def tenant_reopened(
    _event: TenantReopened, envelope: EventEnvelope, session: AsyncSession
) -> None:
    """The company's agents are seen again."""
    await close_tenant(session, envelope.tenant_id)(closed_at=None)


# Counting wants every event; what can be searched is a state, of which the newest counts.
_COUNTING: Final = Together(count_all)
HANDLERS: Final[Handlers] = {
    ConversationStarted: _COUNTING,
    ConversationDeleted: _COUNTING,
    ConversationRestored: _COUNTING,
    MessagePosted: _COUNTING,
    AnswerCompleted: _COUNTING,
    DocumentIndexed: document_searchable,
    DocumentRestored: document_searchable,
    DocumentDeleted: document_deleted,
    TenantClosed: tenant_closed,
    TenantReopened: tenant_reopened,
}
