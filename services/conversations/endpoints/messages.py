"""Messages: reading, deleting and restoring them."""

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from libs.common.http import JsonResponse, errors, pagination
from services.conversations.domain.errors import (
    ConversationIsDeleted,
    ConversationNotFound,
    MessageNotFound,
    NotDeleted,
)
from services.conversations.endpoints.access import (
    PageNumber,
    PerPage,
    Reading,
    ReadingOrLead,
    Writing,
    wiring_of,
)
from services.conversations.schemas.conversations import message_row_shape

router = APIRouter(prefix="/api/v1", tags=["messages"])


@router.get("/conversation/{conversation_id}/messages", responses=errors(ConversationNotFound))
async def list_messages(
    conversation_id: UUID,
    request: Request,
    caller: ReadingOrLead,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> Response:
    """Read a conversation: page 1 is its newest part, oldest message first."""
    window = await wiring_of(request).leads.in_conversation(
        caller.person,
        conversation_id,
        lambda found: caller.use.list_messages(caller.person, found, page=page, per_page=per_page),
    )
    shown = [
        message_row_shape(message, window.citations.get(message.id, ()))
        for message in window.messages
    ]
    where = pagination(page=page, per_page=per_page, total=window.total)
    return JsonResponse(
        {
            "messages": shown,
            "data": shown,
            "conversation_id": window.conversation.id,
            "title": window.conversation.title,
            "handoff": window.conversation.handoff,
            "pagination": where.model_dump(),
        }
    )


@router.delete("/conversation/{conversation_id}/messages", responses=errors(ConversationNotFound))
async def delete_messages(conversation_id: UUID, caller: Writing) -> Response:
    """Delete all messages of a conversation; they can be restored."""
    count = await caller.use.delete_messages(caller.person, conversation_id)
    return JsonResponse(
        {
            "message": "The messages were deleted.",
            "conversation_id": conversation_id,
            "deleted_messages_count": count,
        }
    )


@router.patch(
    "/conversation/{conversation_id}/message/restore-all",
    responses=errors(ConversationNotFound, ConversationIsDeleted),
)
async def restore_messages(conversation_id: UUID, caller: Writing) -> Response:
    """Bring all deleted messages of a conversation back."""
    count = await caller.use.restore_messages(caller.person, conversation_id)
    return JsonResponse(
        {
            "message": "The messages were restored.",
            "conversation_id": conversation_id,
            "restored_messages_count": count,
        }
    )


@router.get("/message/deleted")
async def list_deleted_messages(
    caller: Reading, page: PageNumber = 1, per_page: PerPage = 50
) -> Response:
    """List the messages that were deleted, newest first."""
    found, total = await caller.use.list_deleted_messages(
        caller.person, page=page, per_page=per_page
    )
    shown = [message_row_shape(message) for message in found]
    where = pagination(page=page, per_page=per_page, total=total)
    return JsonResponse(
        {"deleted_messages": shown, "messages": shown, "pagination": where.model_dump()}
    )


@router.delete("/message/{message_id}", responses=errors(MessageNotFound))
async def delete_message(message_id: UUID, caller: Writing) -> Response:
    """Delete a message; it can be restored."""
    await caller.use.delete_message(caller.person, message_id)
    return JsonResponse({"message": "The message was deleted.", "message_id": message_id})


@router.patch(
    "/message/{message_id}/restore",
    responses=errors(MessageNotFound, NotDeleted, ConversationIsDeleted),
)
async def restore_message(message_id: UUID, caller: Writing) -> Response:
    """Bring a deleted message back."""
    message = await caller.use.restore_message(caller.person, message_id)
    return JsonResponse(
        {
            "message": "The message was restored.",
            "message_id": message_id,
            "restored_message": message_row_shape(message),
        }
    )
