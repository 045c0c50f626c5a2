"""Asking an agent directly, and trying it out."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from libs.common.errors import Unavailable
from libs.common.http import JsonResponse, errors, rate_limited
from libs.common.http.event_stream import EventStream
from services.conversations.domain.answers import AnswerKind, AnswerState, AskedQuestion
from services.conversations.domain.errors import (
    AgentNotFound,
    ConversationNotFound,
    EmptyMessage,
    MessageTooLong,
)
from services.conversations.domain.questions import checked_question
from services.conversations.endpoints.access import (
    Admitted,
    Reading,
    UserWriting,
    wiring_of,
)
from services.conversations.endpoints.chat import as_bytes, json_object, message_in
from services.conversations.models import Channel
from services.conversations.schemas.chat import (
    AskIn,
    TestIn,
    ack_shape,
    delivered_shape,
    result_shape,
)
from services.conversations.use_cases.ask_question import AnswerOutcome

router = APIRouter(
    prefix="/api/v1/agent", tags=["chat"], dependencies=[Depends(rate_limited("chat"))]
)


class NoAnswer(Unavailable):
    """The answer failed; the message says why."""

    http_status = 502
    code = "answer_failed"
    message = "The agent could not answer."


@router.post(
    "/{agent_id}/chat",
    responses=errors(AgentNotFound, ConversationNotFound, EmptyMessage, MessageTooLong, NoAnswer),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": AskIn.model_json_schema()}},
        }
    },
)
async def chat_with_agent(agent_id: UUID, request: Request, caller: UserWriting) -> Response:
    """Ask an agent and wait for the answer, or follow it with `Accept: text/event-stream`.

    An answer that takes long is acknowledged with 202, as a task to poll.
    """
    body = await json_object(request)
    text = checked_question(message_in(body, "message", "query"))
    question = await _ask(
        caller,
        agent_id,
        text,
        kind=AnswerKind.ASK,
        conversation_id=_conversation_in(body),
    )
    if not question.awaits_answer:
        return JsonResponse(delivered_shape(question))
    if "text/event-stream" in request.headers.get("accept", ""):
        frames = caller.use.await_answer.frames(question)
        return EventStream(as_bytes(frames, question.conversation_id))
    return await _reply(request, caller, question)


@router.post(
    "/{agent_id}/test",
    responses=errors(AgentNotFound, EmptyMessage, MessageTooLong, NoAnswer),
    openapi_extra={
        "requestBody": {
            "required": False,
            "content": {"application/json": {"schema": TestIn.model_json_schema()}},
        }
    },
)
async def test_agent(agent_id: UUID, request: Request, caller: Reading) -> Response:
    """Try an agent with a question; the conversation is not listed."""
    body = await json_object(request) if await request.body() else {"query": TestIn().query}
    text = checked_question(message_in(body, "query", "message"))
    question = await _ask(caller, agent_id, text, kind=AnswerKind.TEST, channel=Channel.TEST)
    return await _reply(request, caller, question)


async def _ask(
    caller: Admitted,
    agent_id: UUID,
    text: str,
    *,
    kind: AnswerKind,
    conversation_id: UUID | None = None,
    channel: Channel = Channel.CHAT,
) -> AskedQuestion:
    if conversation_id is None:
        conversation, _ = await caller.use.start_conversation(
            caller.person, agent_id=agent_id, title=text[:80], channel=channel
        )
        conversation_id = conversation.id
    return await caller.use.ask_question(caller.person, conversation_id, text, kind=kind)


async def _reply(request: Request, caller: Admitted, question: AskedQuestion) -> Response:
    outcome = await caller.use.await_answer.outcome(
        question, timeout_seconds=wiring_of(request).settings.answer_wait_seconds
    )
    if outcome.status.state.pending:
        return JsonResponse(ack_shape(question), status_code=202)
    if outcome.message is None:
        raise NoAnswer(outcome.status.error, code=_code(outcome))
    result = result_shape(outcome)
    if outcome.status.kind is AnswerKind.TEST:
        return JsonResponse(result)
    return JsonResponse({"success": True, "data": result, **_unlike_a_task(result)})


def _code(outcome: AnswerOutcome) -> str:
    if outcome.status.state is AnswerState.CANCELLED:
        return "answer_cancelled"
    return outcome.status.error_code or NoAnswer.code


def _unlike_a_task(result: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in result.items() if key not in {"status", "task_id"}}


def _conversation_in(body: dict[str, Any]) -> UUID | None:
    value = body.get("conversation_id")
    if value is None:
        return None
    try:
        return UUID(str(value))
    except ValueError:
        # What is no id names no conversation.
        raise ConversationNotFound from None
