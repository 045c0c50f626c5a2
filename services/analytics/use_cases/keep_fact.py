"""Keep what another service told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from libs.common.events.catalogue.agents import AgentCreated, AgentDeleted, AgentRestored
from libs.common.events.catalogue.analytics import ApiCallsCounted
from libs.common.events.catalogue.auth import (
    ApiKeyCreated,
    ApiKeyRevoked,
    UserCreated,
    UserDeleted,
)
from libs.common.events.catalogue.conversations import (
    AnswerCompleted,
    AnswerFailed,
    ConversationDeleted,
    ConversationRestored,
    ConversationStarted,
    LeadDeleted,
    LeadRegistered,
    LeadUpdated,
    MessagePosted,
    MessageRated,
)
from libs.common.events.catalogue.documents import (
    DocumentDeleted,
    DocumentFailed,
    DocumentIndexed,
    DocumentRestored,
    DocumentUploaded,
)
from libs.common.events.envelope import Event
from services.analytics.repositories.facts import FactRepository

# Every event that leaves a trace here.
KEPT: tuple[type[Event], ...] = (
    UserCreated,
    UserDeleted,
    ApiKeyCreated,
    ApiKeyRevoked,
    AgentCreated,
    AgentDeleted,
    AgentRestored,
    DocumentUploaded,
    DocumentIndexed,
    DocumentFailed,
    DocumentDeleted,
    DocumentRestored,
    ConversationStarted,
    ConversationDeleted,
    ConversationRestored,
    MessagePosted,
    AnswerCompleted,
    AnswerFailed,
    MessageRated,
    LeadRegistered,
    LeadUpdated,
    LeadDeleted,
    ApiCallsCounted,
)

# What each question brings, so that it is kept by the batch.
OfQuestion = MessagePosted | AnswerCompleted | AnswerFailed


@dataclass(frozen=True, kw_only=True)
class KeepFact:
    """Turn one event into rows; twice the same event, or an old one late, changes nothing."""

    facts: FactRepository

    async def __call__(self, event: Event, *, at: datetime) -> None:
        facts = self.facts
        match event:
            case UserCreated():
                await facts.note_user(event.user_id, role=event.role, at=at)
            case UserDeleted():
                await facts.note_user_gone(event.user_id, at=at)
            case ApiKeyCreated():
                await facts.note_api_key(event.key_id, created_at=at)
            case ApiKeyRevoked():
                await facts.note_api_key(event.key_id, revoked_at=at)
            case AgentCreated() | AgentDeleted() | AgentRestored():
                await self._note_agent(event, at)
            case ConversationStarted() | ConversationDeleted() | ConversationRestored():
                await self._note_conversation(event, at)
            case MessagePosted() | AnswerCompleted() | AnswerFailed():
                await self.of_questions([(event, at)])
            case MessageRated():
                await facts.note_rating(
                    event.message_id,
                    conversation_id=event.conversation_id,
                    agent_id=event.agent_id,
                    rating=event.rating,
                    version=event.rating_version,
                    rated_at=at,
                )
            case LeadRegistered() | LeadUpdated() | LeadDeleted():
                await self._note_lead(event, at)
            case ApiCallsCounted():
                await facts.count_calls(at=at, **event.model_dump())
            case _:
                await self._note_document(event, at)

    async def of_questions(self, told: Sequence[tuple[OfQuestion, datetime]]) -> None:
        """Keep what was asked and answered: two statements, however much it was."""
        asked: list[dict[str, Any]] = []
        answered: list[dict[str, Any]] = []
        for event, at in told:
            if isinstance(event, MessagePosted):
                asked.append(
                    {
                        "id": event.message_id,
                        "conversation_id": event.conversation_id,
                        "agent_id": event.agent_id,
                        "asked_at": at,
                    }
                )
            else:
                answered.append(_ledger_entry(event, at))
        if asked:
            await self.facts.note_questions(asked)
        if answered:
            await self.facts.enter(answered)

    async def _note_agent(
        self, event: AgentCreated | AgentDeleted | AgentRestored, at: datetime
    ) -> None:
        match event:
            case AgentCreated():
                await self.facts.note_new_agent(event.agent_id, at=at)
            case AgentDeleted():
                await self.facts.note_agent(event.agent_id, deleted_at=at)
            case AgentRestored():
                await self.facts.note_agent(event.agent_id, deleted_at=None)

    async def _note_lead(
        self, event: LeadRegistered | LeadUpdated | LeadDeleted, at: datetime
    ) -> None:
        match event:
            case LeadRegistered():
                await self.facts.note_lead(event.lead_id, at=at)
            case LeadUpdated():
                await self.facts.note_lead_status(event.lead_id, status=event.status, at=at)
            case LeadDeleted():
                await self.facts.note_lead_gone(event.lead_id, at=at)

    async def _note_conversation(
        self, event: ConversationStarted | ConversationDeleted | ConversationRestored, at: datetime
    ) -> None:
        about = event.conversation_id
        if isinstance(event, ConversationStarted):
            await self.facts.note_new_conversation(about, agent_id=event.agent_id, at=at)
            return
        deleted_at = at if isinstance(event, ConversationDeleted) else None
        await self.facts.note_conversation(
            about, agent_id=event.agent_id, at=at, deleted_at=deleted_at
        )

    async def _note_document(self, event: Event, at: datetime) -> None:
        note = self.facts.note_document
        match event:
            case DocumentUploaded():
                await note(
                    event.document_id,
                    agent_id=event.agent_id,
                    at=at,
                    size_bytes=event.size_bytes,
                    uploaded_at=at,
                )
            case DocumentIndexed():
                await note(
                    event.document_id,
                    agent_id=event.agent_id,
                    at=at,
                    state="processed",
                    passages=event.passage_count,
                    pages=event.page_count,
                    tokens=event.token_count,
                )
            case DocumentFailed():
                await note(event.document_id, agent_id=event.agent_id, at=at, state="failed")
            case DocumentDeleted():
                await note(event.document_id, agent_id=event.agent_id, at=at, deleted_at=at)
            case DocumentRestored():
                await note(event.document_id, agent_id=event.agent_id, at=at, deleted_at=None)
            case _:
                raise TypeError(f"{type(event).__name__} leaves no trace here")


def _ledger_entry(event: AnswerCompleted | AnswerFailed, at: datetime) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "id": event.answer_id,
        "conversation_id": event.conversation_id,
        "agent_id": event.agent_id,
        "prompt_tokens": event.prompt_tokens,
        "completion_tokens": event.completion_tokens,
        "cost_micros": event.cost_micros,
        "answered_at": at,
    }
    if isinstance(event, AnswerCompleted):
        outcome: str = event.mode
        return entry | {
            "outcome": outcome,
            "duration_ms": event.duration_ms,
            "citation_count": event.citation_count,
        }
    return entry | {"outcome": "failed", "duration_ms": 0, "citation_count": 0}
