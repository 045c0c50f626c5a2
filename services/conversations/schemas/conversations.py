"""Conversations and messages in the shapes of version 1 of the API."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field

from services.conversations.domain.agents import AgentProfile
from services.conversations.domain.answers import StoredMessage
from services.conversations.domain.frames import message_shape
from services.conversations.models import Citation, Conversation, Message
from services.conversations.schemas.json_values import JsonObject

_MAX_TITLE = 200


def _none_is_empty(value: object) -> object:
    return {} if value is None else value


def _cut_title(value: object) -> object:
    return value[:_MAX_TITLE].replace("\x00", "") if isinstance(value, str) else value or ""


class ConversationIn(BaseModel):
    """What a conversation is opened with."""

    agent_id: UUID
    title: Annotated[str, BeforeValidator(_cut_title)] = ""
    metadata: Annotated[JsonObject, BeforeValidator(_none_is_empty)] = Field(default_factory=dict)
    max_context_length: int = Field(default=4000, ge=1000, le=200_000)


def conversation_shape(
    conversation: Conversation, *, agent: AgentProfile | None = None
) -> dict[str, Any]:
    """Return a conversation as the API shows it."""
    shown: dict[str, Any] = {
        "id": conversation.id,
        "agent_id": conversation.agent_id,
        "title": conversation.title,
        "status": "deleted" if conversation.deleted_at else conversation.status,
        "entity_type": conversation.entity_type,
        "entity_id": conversation.lead_id or conversation.entity_id,
        "handoff": conversation.handoff,
        "message_count": conversation.message_count,
        "metadata": conversation.details,
        "tags": [],
        "max_context_length": conversation.max_context_length,
        "total_tokens": conversation.total_tokens,
        "last_activity": conversation.last_activity,
        "ended_at": conversation.ended_at,
        "lead_satisfaction": None,
        "conversion_outcome": None,
        "created_at": conversation.created_at,
        "updated_at": conversation.updated_at,
        "deleted_at": conversation.deleted_at,
    }
    if agent is not None:
        shown["agent"] = {"id": agent.id, "name": agent.name}
    return shown


def stored_message(message: Message, citations: Sequence[Citation] = ()) -> StoredMessage:
    """Return a row in the form that all shapes of messages begin from."""
    return StoredMessage(
        id=message.id,
        conversation_id=message.conversation_id,
        role=message.role,
        content=message.content,
        created_at=message.created_at,
        sources=message.sources,
        citations=[_citation_shape(citation) for citation in citations],
        metadata=message.details,
        model_used=message.model_used,
        processing_time=message.processing_time,
        tokens_used=message.tokens_used,
    )


def message_row_shape(message: Message, citations: Sequence[Citation] = ()) -> dict[str, Any]:
    """Return a message as the API shows it in lists."""
    shown = message_shape(stored_message(message, citations))
    if message.deleted_at is not None:
        shown["deleted_at"] = message.deleted_at
    return shown


def _citation_shape(citation: Citation) -> dict[str, Any]:
    return {
        "source_number": citation.source_number,
        "document_id": str(citation.document_id),
        "document_version": citation.document_version,
        "document_name": citation.name,
        "passage_id": str(citation.passage_id),
        "page": citation.page,
        "char_start": citation.char_start,
        "char_end": citation.char_end,
        "quote": citation.quote,
        "url": citation.url,
        "cited": True,
    }
