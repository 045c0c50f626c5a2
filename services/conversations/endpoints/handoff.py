"""Hand-off: asking for a person, and the company's people who come."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from libs.common.http import JsonResponse, errors, pagination, rate_limited
from services.conversations.domain.errors import (
    ConversationNotFound,
    EmptyMessage,
    HandoffNotPossible,
    HandoffTaken,
    MessageTooLong,
)
from services.conversations.domain.handoff import Handoff, HandoffState
from services.conversations.endpoints.access import (
    PageNumber,
    PerPage,
    Reading,
    UserWriting,
    WritingOrLead,
)

router = APIRouter(prefix="/api/v1/conversation", tags=["hand-off"])


class SpokenIn(BaseModel):
    """What a person says."""

    message: str
    name: str = Field(default="", max_length=100, description="Shown to the visitor.")


@router.get("/handoff")
async def list_handoffs(
    caller: Reading,
    page: PageNumber = 1,
    per_page: PerPage = 20,
    state: Annotated[Literal["waiting", "human", "all"], Query()] = "all",
) -> Response:
    """List the conversations that wait for a person or have one; who waits longest comes first."""
    states = [Handoff.WAITING, Handoff.HUMAN] if state == "all" else [Handoff(state)]
    found, total = await caller.use.handoff.list(
        caller.person, states, page=page, per_page=per_page
    )
    shown = [handoff_shape(one) for one in found]
    where = pagination(page=page, per_page=per_page, total=total).model_dump()
    return JsonResponse({"conversations": shown, "data": shown, "pagination": where})


@router.post(
    "/{conversation_id}/handoff",
    responses=errors(ConversationNotFound),
    dependencies=[Depends(rate_limited("chat"))],
)
async def request_handoff(conversation_id: UUID, caller: WritingOrLead) -> Response:
    """Ask for a person; the agent goes on until one comes."""
    state = await caller.use.handoff.request(caller.person, conversation_id)
    return _changed(state, "A person has been asked to come.")


@router.post(
    "/{conversation_id}/handoff/claim", responses=errors(ConversationNotFound, HandoffTaken)
)
async def claim_handoff(conversation_id: UUID, caller: UserWriting) -> Response:
    """Take a conversation over: the agent is silent from now on."""
    state = await caller.use.handoff.claim(caller.person, conversation_id)
    return _changed(state, "The conversation is yours.")


@router.post(
    "/{conversation_id}/handoff/message",
    status_code=201,
    responses=errors(ConversationNotFound, HandoffTaken, EmptyMessage, MessageTooLong),
)
async def speak_as_human(conversation_id: UUID, body: SpokenIn, caller: UserWriting) -> Response:
    """Say something as a person; who does has the conversation by that."""
    spoken = await caller.use.handoff.speak(
        caller.person, conversation_id, body.message, name=" ".join(body.name.split())
    )
    return JsonResponse(
        {
            "message": "It was said.",
            "message_id": spoken.id,
            "created_at": spoken.created_at,
            "handoff": handoff_shape(spoken.state),
        },
        status_code=201,
    )


@router.post(
    "/{conversation_id}/handoff/release",
    responses=errors(ConversationNotFound, HandoffTaken, HandoffNotPossible),
)
async def release_handoff(conversation_id: UUID, caller: UserWriting) -> Response:
    """Give a conversation back to the agent."""
    state = await caller.use.handoff.release(caller.person, conversation_id)
    return _changed(state, "The agent has the conversation again.")


@router.post(
    "/{conversation_id}/handoff/close",
    responses=errors(ConversationNotFound, HandoffTaken, HandoffNotPossible),
)
async def close_handoff(conversation_id: UUID, caller: UserWriting) -> Response:
    """Be done with a conversation; who writes in it again talks to the agent."""
    state = await caller.use.handoff.close(caller.person, conversation_id)
    return _changed(state, "The conversation is closed.")


def handoff_shape(state: HandoffState) -> dict[str, Any]:
    """Return who speaks in a conversation."""
    return {
        "id": state.conversation_id,
        "conversation_id": state.conversation_id,
        "agent_id": state.agent_id,
        "title": state.title,
        "handoff": state.state.value,
        "user_id": state.user_id,
        "since": state.since,
        "message_count": state.message_count,
        "last_activity": state.last_activity,
    }


def _changed(state: HandoffState, message: str) -> Response:
    return JsonResponse({"message": message, **handoff_shape(state)})
