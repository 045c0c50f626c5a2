"""Chat: asking in a conversation, and following the answers as they come.

These two routes are what a conversation costs, so they read and write JSON by orjson and have no
`response_model`.
"""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from libs.common.errors import Invalid
from libs.common.http import JsonResponse, errors, rate_limited
from libs.common.http.event_stream import EventStream
from services.conversations.domain.errors import (
    ConversationNotFound,
    EmptyMessage,
    MessageTooLong,
    SiteNotAllowed,
)
from services.conversations.domain.frames import (
    OPENING_COMMENT,
    Frame,
    heartbeat,
    parse_event_id,
)
from services.conversations.domain.pages import PAGE, page_of
from services.conversations.endpoints.access import ReadingOrLead, WritingOrLead, wiring_of
from services.conversations.endpoints.lean_route import ConversationRoute
from services.conversations.schemas.chat import ChatIn, ack_shape, delivered_shape

router = APIRouter(prefix="/api/v1/conversation", tags=["chat"], route_class=ConversationRoute)


@router.post(
    "/{conversation_id}/chat",
    status_code=202,
    responses=errors(ConversationNotFound, EmptyMessage, MessageTooLong, SiteNotAllowed),
    dependencies=[Depends(rate_limited("chat"))],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ChatIn.model_json_schema()}},
        }
    },
)
async def chat(conversation_id: UUID, request: Request, caller: WritingOrLead) -> Response:
    """Ask in a conversation; the answer is polled as a task, or followed on the stream."""
    body = await json_object(request)
    text = message_in(body, "message", "content")
    if caller.person.lead_id is not None:
        await wiring_of(request).leads.check_site.in_conversation(
            caller.person, conversation_id, origin=request.headers.get("origin")
        )
    page = page_in(body)
    options = {PAGE: page} if page else None
    question = await wiring_of(request).leads.in_conversation(
        caller.person,
        conversation_id,
        lambda found: caller.use.ask_question(caller.person, found, text, options=options),
    )
    if not question.awaits_answer:
        return JsonResponse(delivered_shape(question))
    return JsonResponse(ack_shape(question), status_code=202)


@router.get(
    "/{conversation_id}/messages/stream",
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "The answers' events."},
        204: {"description": "The client has seen everything, and nothing is pending."},
        **errors(ConversationNotFound),
    },
    openapi_extra={
        "parameters": [
            {"in": "header", "name": "Last-Event-ID", "schema": {"type": "string"}},
        ]
    },
)
async def stream_messages(
    conversation_id: UUID, request: Request, caller: ReadingOrLead
) -> Response:
    """Follow a conversation's answers: the latest exchange again, and all that is pending.

    The stream ends once nothing is pending. With `Last-Event-ID` it goes on after that event.
    """
    resume = parse_event_id(request.headers.get("last-event-id"))
    batches = await wiring_of(request).leads.in_conversation(
        caller.person,
        conversation_id,
        lambda found: caller.use.follow_answers(
            caller.person.tenant_id, found, entity_id=caller.person.only_own, resume=resume
        ),
    )
    if batches is None:
        # By the standard, the one reply after which an EventSource does not come back.
        return Response(status_code=204)
    return EventStream(as_bytes(batches, conversation_id))


async def as_bytes(
    batches: AsyncIterator[list[Frame] | None], conversation_id: UUID
) -> AsyncIterator[bytes]:
    """Turn frames into what goes over the wire, beginning with a comment."""
    # One of the clients can lose the very first chunk.
    yield OPENING_COMMENT
    async for frames in batches:
        if frames is None:
            yield heartbeat(conversation_id)
        elif frames:
            yield b"".join([frame.body for frame in frames])


async def json_object(request: Request) -> dict[str, Any]:
    """Return the body, which must be a JSON object.

    Raises:
        Invalid: It is something else.
    """
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise Invalid("The body is not valid JSON.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise Invalid("The body must be a JSON object.", code="invalid_json")
    return body


def page_in(body: dict[str, Any]) -> dict[str, str] | None:
    """Return the page that somebody asks from, as far as it is told; no error where it is odd."""
    page = body.get("page")
    return page_of(page.get("url"), page.get("title")) if isinstance(page, dict) else None


def message_in(body: dict[str, Any], *names: str) -> str:
    """Return the question in a body, under the first of the names that is there.

    Raises:
        EmptyMessage: It is missing.
        Invalid: It is not a text.
    """
    text = next((body[name] for name in names if body.get(name) is not None), None)
    if text is None:
        raise EmptyMessage
    if not isinstance(text, str):
        raise Invalid(f"`{names[0]}` must be a text.", details={"field": names[0]})
    return text
