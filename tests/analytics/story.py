"""A company's short history, as other services tell it."""

from uuid import UUID

from libs.common.events.catalogue.agents import AgentCreated
from libs.common.events.catalogue.analytics import ApiCallsCounted
from libs.common.events.catalogue.auth import ApiKeyCreated, UserCreated
from libs.common.events.catalogue.conversations import (
    AnswerCompleted,
    AnswerFailed,
    AnswerMode,
    ConversationStarted,
    MessagePosted,
    MessageRated,
)
from libs.common.events.catalogue.documents import DocumentIndexed, DocumentUploaded
from libs.common.events.envelope import Event
from libs.common.ids import new_id
from tests.analytics.conftest import Company


def opening(company: Company) -> list[Event]:
    """One user, one key, one agent, one indexed document, one conversation."""
    document_id = new_id()
    return [
        UserCreated(user_id=new_id(), role="admin"),
        ApiKeyCreated(key_id=new_id()),
        AgentCreated(agent_id=company.agent_id),
        DocumentUploaded(document_id=document_id, agent_id=company.agent_id, size_bytes=4096),
        DocumentIndexed(
            document_id=document_id,
            agent_id=company.agent_id,
            passage_count=7,
            token_count=900,
            page_count=3,
        ),
        ConversationStarted(conversation_id=company.conversation_id, agent_id=company.agent_id),
    ]


def question(company: Company) -> MessagePosted:
    """Somebody asks."""
    return MessagePosted(
        message_id=new_id(), conversation_id=company.conversation_id, agent_id=company.agent_id
    )


def answer(
    company: Company, *, mode: AnswerMode = "generated", tokens: int = 100
) -> AnswerCompleted:
    """The agent answers."""
    return AnswerCompleted(
        answer_id=new_id(),
        conversation_id=company.conversation_id,
        agent_id=company.agent_id,
        mode=mode,
        prompt_tokens=tokens,
        completion_tokens=tokens // 10,
        cost_micros=25,
        duration_ms=1500,
        citation_count=2,
    )


def rating(company: Company, message_id: UUID, stars: int, *, version: int = 1) -> MessageRated:
    """Somebody rates an answer."""
    return MessageRated(
        message_id=message_id,
        conversation_id=company.conversation_id,
        agent_id=company.agent_id,
        rating=stars,
        rating_version=version,
    )


def failure(company: Company) -> AnswerFailed:
    """The agent cannot."""
    return AnswerFailed(
        answer_id=new_id(),
        conversation_id=company.conversation_id,
        agent_id=company.agent_id,
        code="model_unavailable",
        prompt_tokens=50,
        cost_micros=5,
    )


def calls(*, status_class: str = "2xx", count: int = 3) -> ApiCallsCounted:
    """The API was called."""
    return ApiCallsCounted(
        service="agents",
        method="GET",
        route="/api/v1/agent/{agent_id}",
        status_class=status_class,
        calls=count,
        duration_ms=30,
    )
