"""What people do to answers: stop them, ask again, choose among them, rate them."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, BeforeValidator, Field
from starlette.responses import Response

from libs.common.http import JsonResponse, errors, rate_limited
from services.conversations.domain.errors import (
    AnswerPending,
    EmptyMessage,
    HandedOver,
    MessageNotFound,
    MessageTooLong,
    NoAnswerToRate,
    NotAnAlternative,
    NotAQuestion,
    NothingToCancel,
)
from services.conversations.domain.frames import message_shape
from services.conversations.domain.questions import storable_text
from services.conversations.endpoints.access import ReadingOrLead, WritingOrLead
from services.conversations.endpoints.chat import json_object, message_in
from services.conversations.schemas.chat import ChatIn, ack_shape
from services.conversations.schemas.conversations import message_row_shape, shown_feedback

router = APIRouter(prefix="/api/v1/message", tags=["messages"])

_THUMBS = {"up": 5, "positive": 5, "down": 1, "negative": 1}


def _stars(value: object) -> object:
    return _THUMBS.get(value, value) if isinstance(value, str) else value


class FeedbackIn(BaseModel):
    """What somebody thinks of an answer."""

    rating: Annotated[
        Annotated[int, Field(ge=1, le=5, strict=True)]
        | Literal["up", "down", "positive", "negative"],
        BeforeValidator(_stars),
    ] = Field(description="1 to 5; `up` counts as 5 and `down` as 1.")
    comment: str | None = Field(default=None, max_length=2_000)


@router.post("/{message_id}/cancel", responses=errors(MessageNotFound, NothingToCancel))
async def cancel_answer(message_id: UUID, caller: WritingOrLead) -> Response:
    """Stop an answer, by the id of the question or of the answer; what was written is kept.

    `cancelled` is false when the worker that makes it has not let go within three seconds; it will.
    """
    cancelled = await caller.use.cancel_answer(caller.person, message_id)
    status, message = cancelled.status, cancelled.message
    pending = status.state.pending
    return JsonResponse(
        {
            "message": "The answer is being stopped." if pending else "The answer was stopped.",
            "message_id": str(status.message_id),
            "conversation_id": str(status.conversation_id),
            "cancelled": not pending,
            "answer": message_shape(message) if message is not None else None,
        }
    )


@router.post(
    "/{message_id}/regenerate",
    status_code=202,
    responses=errors(MessageNotFound, AnswerPending, HandedOver),
    dependencies=[Depends(rate_limited("chat"))],
)
async def regenerate_answer(message_id: UUID, caller: WritingOrLead) -> Response:
    """Have a question answered once more, by its own id or its answer's.

    The answer that was there, with all that followed, becomes an alternative.
    """
    question = await caller.use.regenerate_answer(caller.person, message_id)
    return JsonResponse(ack_shape(question), status_code=202)


@router.patch(
    "/{message_id}",
    status_code=202,
    responses=errors(
        MessageNotFound, NotAQuestion, AnswerPending, HandedOver, EmptyMessage, MessageTooLong
    ),
    dependencies=[Depends(rate_limited("chat"))],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ChatIn.model_json_schema()}},
        }
    },
)
async def edit_question(message_id: UUID, request: Request, caller: WritingOrLead) -> Response:
    """Ask a question in other words; the conversation goes on from there.

    The question as it was, with all that followed, becomes an alternative.
    """
    text = message_in(await json_object(request), "message", "content")
    question = await caller.use.edit_question(caller.person, message_id, text)
    return JsonResponse(ack_shape(question), status_code=202)


@router.get("/{message_id}/alternatives", responses=errors(MessageNotFound))
async def list_alternatives(message_id: UUID, caller: ReadingOrLead) -> Response:
    """List what has stood in a message's place: other answers, or other words of a question."""
    found = await caller.use.list_alternatives(caller.person, message_id)
    shown = [
        _without_deletion(message_row_shape(other, found.citations.get(other.id, ())))
        for other in found.others
    ]
    return JsonResponse({"message_id": str(message_id), "alternatives": shown, "data": shown})


@router.post(
    "/{message_id}/select",
    responses=errors(MessageNotFound, NotAnAlternative, AnswerPending, HandedOver),
)
async def select_alternative(message_id: UUID, caller: WritingOrLead) -> Response:
    """Come back to an alternative, with all that followed it."""
    message = await caller.use.select_alternative(caller.person, message_id)
    return JsonResponse(
        {
            "message": "The conversation shows this alternative again.",
            "message_id": str(message.id),
            "conversation_id": str(message.conversation_id),
        }
    )


@router.post("/{message_id}/feedback", responses=errors(MessageNotFound, NoAnswerToRate))
async def rate_answer(message_id: UUID, body: FeedbackIn, caller: WritingOrLead) -> Response:
    """Rate an answer; a later rating takes the place of an earlier one."""
    message, conversation = await caller.use.rate_answer(
        caller.person, message_id, rating=int(body.rating), comment=_comment(body.comment)
    )
    return JsonResponse(
        {
            "message": "Thank you for the rating.",
            "message_id": str(message_id),
            "conversation_id": str(conversation.id),
            "user_feedback": shown_feedback(message.user_feedback),
            "lead_satisfaction": conversation.lead_satisfaction,
        }
    )


def _comment(text: str | None) -> str | None:
    cleaned = storable_text(text or "").strip()
    return cleaned or None


def _without_deletion(shown: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shown.items() if key != "deleted_at"}
