"""`/v1/chat/completions` and `/v1/models`: every OpenAI client can talk to an agent."""

import time
from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from libs.common.http import JsonResponse, rate_limited
from libs.common.http.event_stream import EventStream
from services.conversations.domain.agents import AgentProfile
from services.conversations.domain.answers import AnswerKind, AskedQuestion
from services.conversations.domain.errors import ModelFailed
from services.conversations.domain.frames import DELTA, RESPONSE, events_in
from services.conversations.domain.questions import checked_question
from services.conversations.endpoints.access import Admitted, Reading, Writing, wiring_of
from services.conversations.endpoints.openai_route import OpenAIRoute
from services.conversations.models import Channel
from services.conversations.schemas.completions import (
    CompletionIn,
    chunk_shape,
    completion_shape,
    extra_shape,
    openai_error,
    usage_shape,
)

router = APIRouter(prefix="/v1", tags=["openai"], route_class=OpenAIRoute)

_PATIENCE_SECONDS: Final = 30.0
_KEEP_ALIVE: Final = b": keep-alive\n\n"


@router.post("/chat/completions", dependencies=[Depends(rate_limited("chat"))])
async def create_completion(body: CompletionIn, request: Request, caller: Writing) -> Response:
    """Ask an agent in OpenAI's shape; `model` is the agent's id or name.

    The reply carries `citations`, `sources` and `warnings` beside OpenAI's own fields.
    """
    text = checked_question(body.question())
    history = body.history()
    agent = await _agent(caller, body.model)
    conversation, _ = await caller.use.start_conversation(
        caller.person, agent_id=agent.id, title=text[:80], channel=Channel.COMPLETION
    )
    question = await caller.use.ask_question(
        caller.person,
        conversation.id,
        text,
        kind=AnswerKind.COMPLETION,
        options=body.options(),
        history=history,
    )
    if body.stream:
        return EventStream(_chunks(caller, question, body))
    patience = wiring_of(request).settings.model_total_seconds + _PATIENCE_SECONDS
    outcome = await caller.use.await_answer.outcome(question, timeout_seconds=patience)
    if outcome.message is None:
        raise ModelFailed(outcome.status.error, code=outcome.status.error_code)
    return JsonResponse(completion_shape(question, outcome, outcome.message, model=body.model))


@router.get("/models")
async def list_models(caller: Reading) -> Response:
    """List the company's agents as models."""
    agents = await caller.use.agents.names(caller.person.tenant_id)
    return JsonResponse(
        {
            "object": "list",
            "data": [
                {
                    "id": str(agent_id),
                    "object": "model",
                    "created": _created(agent_id),
                    "owned_by": "knowrithm",
                    "name": name,
                }
                for agent_id, name in agents
            ],
        }
    )


async def _chunks(
    caller: Admitted, question: AskedQuestion, body: CompletionIn
) -> AsyncIterator[bytes]:
    created = int(time.time())

    def chunk(delta: dict[str, object] | None, **extra: object) -> bytes:
        shown = chunk_shape(question, model=body.model, created=created, delta=delta)
        return _data({**shown, **extra})

    yield chunk({"role": "assistant", "content": ""})
    told = ""
    attempt = None
    finished = None
    async for frames in caller.use.await_answer.frames(question):
        if frames is None:
            yield _KEEP_ALIVE
        for frame in frames or ():
            for name, data in events_in(frame):
                if name == RESPONSE:
                    finished = data
                # What another attempt writes anew cannot replace what was sent already.
                elif name == DELTA and attempt in {None, frame.position.attempt}:
                    attempt = frame.position.attempt
                    told += data["delta"]
                    yield chunk({"content": data["delta"]})
    message = finished.get("message") if finished else None
    if message is None:
        error = (finished or {}).get("error") or "The answer was broken off."
        yield _data(openai_error(error, status=500, code="answer_failed"))
        return
    if not told:
        yield chunk({"content": message["content"]})
    elif attempt is not None and not _same(told, message["content"]):
        yield chunk({"content": f"\n\n{message['content']}"})
    yield chunk(None, **extra_shape(message["sources"], message["citations"], message["metadata"]))
    if body.stream_options is not None and body.stream_options.include_usage:
        outcome = await caller.use.await_answer.current(question.tenant_id, question.answer_id)
        usage = chunk_shape(question, model=body.model, created=created, delta=None)
        yield _data({**usage, "choices": [], "usage": usage_shape(outcome)})
    yield b"data: [DONE]\n\n"


def _same(told: str, stored: str) -> bool:
    """Whether what was streamed is the stored answer, but for its markers.

    Markers are resolved after the last token, so they may differ in form.
    """
    return _without_markers(told) == _without_markers(stored)


def _without_markers(text: str) -> str:
    kept, depth = [], 0
    for char in text:
        depth += char == "["
        if depth == 0 and not char.isspace():
            kept.append(char)
        depth -= char == "]" and depth > 0
    return "".join(kept)


async def _agent(caller: Admitted, model: str) -> AgentProfile:
    try:
        agent_id = UUID(model)
    except ValueError:
        return await caller.use.agents.by_name(caller.person.tenant_id, model)
    return await caller.use.agents.profile(caller.person.tenant_id, agent_id)


def _created(agent_id: UUID) -> int:
    """Return when a time-ordered id was made, in seconds."""
    return (agent_id.int >> 80) // 1000 if agent_id.version == 7 else 0


def _data(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
