"""Conversations: opening, listing, deleting and restoring them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from libs.common.http import JsonResponse, errors, pagination
from services.conversations.domain.errors import (
    AgentNotFound,
    ConversationNotFound,
    NotDeleted,
    SiteNotAllowed,
)
from services.conversations.endpoints.access import (
    Admitted,
    PageNumber,
    PerPage,
    Reading,
    ReadingOrLead,
    Writing,
    WritingOrLead,
    wiring_of,
)
from services.conversations.repositories.conversations import ConversationFilter
from services.conversations.schemas.conversations import ConversationIn, conversation_shape

router = APIRouter(prefix="/api/v1/conversation", tags=["conversations"])

Status = Literal["active", "archived", "deleted", "all"]


class Paging:
    """Which page of a list of conversations."""

    def __init__(self, page: PageNumber = 1, per_page: PerPage = 20) -> None:
        self.page = page
        self.per_page = per_page


Paged = Annotated[Paging, Depends()]


@router.post("", status_code=201, responses=errors(AgentNotFound, SiteNotAllowed))
async def create_conversation(
    body: ConversationIn, request: Request, caller: WritingOrLead
) -> Response:
    """Open a conversation with an agent."""
    await wiring_of(request).leads.check_site(
        caller.person, agent_id=body.agent_id, origin=request.headers.get("origin")
    )
    conversation, agent = await caller.use.start_conversation(
        caller.person,
        agent_id=body.agent_id,
        title=body.title,
        metadata=body.metadata,
        max_context_length=body.max_context_length,
    )
    shown = conversation_shape(conversation, agent=agent)
    return JsonResponse(
        {
            "message": "The conversation was opened.",
            "conversation": shown,
            "id": shown["id"],
            "conversation_id": shown["id"],
            "title": shown["title"],
        },
        status_code=201,
    )


@router.get("")
async def list_conversations(
    caller: Reading,
    paging: Paged,
    *,
    status: Status = "all",
    agent_id: UUID | None = None,
    search: Annotated[str | None, Query(max_length=200)] = None,
    created_before: datetime | None = None,
    created_after: datetime | None = None,
) -> Response:
    """List the company's conversations, newest first."""
    wanted = ConversationFilter(
        status=status,
        agent_id=agent_id,
        search=search,
        created_before=created_before,
        created_after=created_after,
    )
    return await _listed(caller, wanted, paging)


@router.get("/entity")
async def list_own_conversations(
    caller: ReadingOrLead,
    paging: Paged,
    status: Status = "all",
    entity_type: Literal["user", "lead"] | None = None,
) -> Response:
    """List the caller's own conversations, newest first."""
    del entity_type  # the caller's own kind is known
    wanted = ConversationFilter(status=status, entity_id=caller.person.entity_id)
    return await _listed(caller, wanted, paging)


@router.get("/entity/{entity_id}")
async def list_conversations_of_entity(
    entity_id: UUID,
    caller: ReadingOrLead,
    paging: Paged,
    status: Status = "active",
    entity_type: Literal["user", "lead"] | None = None,
) -> Response:
    """List the conversations of a user or a lead, newest first."""
    wanted = ConversationFilter(status=status, entity_id=entity_id, entity_type=entity_type)
    return await _listed(caller, wanted, paging)


@router.get("/agent/{agent_id}")
async def list_conversations_of_agent(
    agent_id: UUID, caller: ReadingOrLead, paging: Paged, status: Status = "all"
) -> Response:
    """List an agent's conversations, newest first."""
    return await _listed(caller, ConversationFilter(status=status, agent_id=agent_id), paging)


@router.get("/deleted")
async def list_deleted_conversations(caller: Reading, paging: Paged) -> Response:
    """List the conversations that were deleted."""
    return await _listed(
        caller, ConversationFilter(status="deleted"), paging, also="deleted_conversations"
    )


@router.delete("/{conversation_id}", responses=errors(ConversationNotFound))
async def delete_conversation(conversation_id: UUID, caller: Writing) -> Response:
    """Delete a conversation with its messages; it can be restored."""
    count = await caller.use.delete_conversation(caller.person, conversation_id)
    return JsonResponse(
        {
            "message": "The conversation was deleted.",
            "conversation_id": conversation_id,
            "deleted_messages_count": count,
        }
    )


@router.patch("/{conversation_id}/restore", responses=errors(ConversationNotFound, NotDeleted))
async def restore_conversation(conversation_id: UUID, caller: Writing) -> Response:
    """Bring a deleted conversation back."""
    conversation, count = await caller.use.restore_conversation(caller.person, conversation_id)
    return JsonResponse(
        {
            "message": "The conversation was restored.",
            "conversation_id": conversation_id,
            "restored_messages_count": count,
            "conversation": conversation_shape(conversation),
        }
    )


async def _listed(
    caller: Admitted, wanted: ConversationFilter, paging: Paging, *, also: str | None = None
) -> Response:
    found, total = await caller.use.list_conversations(
        caller.person, wanted, page=paging.page, per_page=paging.per_page
    )
    shown = [conversation_shape(conversation) for conversation in found]
    page = pagination(page=paging.page, per_page=paging.per_page, total=total)
    # The clients disagree on the list's name.
    body: dict[str, Any] = {"conversations": shown, "data": shown, "pagination": page.model_dump()}
    if also is not None:
        body[also] = shown
    return JsonResponse(body)
