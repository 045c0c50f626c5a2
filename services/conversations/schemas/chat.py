"""Chat: questions in, acknowledgements, tasks and results out."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.conversations.domain.answers import AnswerKind, AnswerState, AskedQuestion
from services.conversations.domain.frames import message_shape
from services.conversations.use_cases.ask_question import AnswerOutcome

_STATUS_WORDS = {
    AnswerState.QUEUED: ("queued", "PENDING", 0, "The question waits for its turn."),
    AnswerState.RUNNING: ("processing", "STARTED", 50, "The answer is being made."),
    AnswerState.COMPLETED: ("completed", "SUCCESS", 100, "The answer is here."),
    # The clients know neither `cancelled` nor `revoked` in all their places.
    AnswerState.FAILED: ("failed", "FAILURE", 100, "There is no answer."),
    AnswerState.CANCELLED: ("failed", "FAILURE", 100, "The question was taken back."),
}
_OWN_KEYS = frozenset({"task_id", "status", "state", "error", "progress", "result", "message"})


class ChatIn(BaseModel):
    """A question in a conversation."""

    message: str
    attachments: list[dict[str, Any]] | None = Field(
        default=None, description="Accepted; not used by answers yet."
    )
    page: dict[str, Any] | None = Field(
        default=None, description="The web page that is asked from: `url` and `title`."
    )


class AskIn(BaseModel):
    """A question to an agent."""

    message: str
    conversation_id: UUID | None = Field(
        default=None, description="Goes on with this conversation; a new one when left out."
    )


class TestIn(BaseModel):
    """A question to try an agent with."""

    query: str = "Hello"


def status_url(task_id: UUID) -> str:
    """Return where a task is polled, in the one form that all clients understand."""
    return f"/api/v1/tasks/{task_id}/status"


def ack_shape(question: AskedQuestion) -> dict[str, Any]:
    """Return the acknowledgement of a question."""
    conversation = question.conversation_id
    return {
        "status": "queued",
        "task_id": str(question.task_id),
        "conversation_id": str(conversation),
        "message_id": str(question.message_id),
        "status_url": status_url(question.task_id),
        "poll_url": f"/api/v1/conversation/{conversation}/messages",
        # Relative to the version: the clients put `/api/v1` before it.
        "stream_url": f"/conversation/{conversation}/messages/stream",
        "message": "The question was accepted; the answer is on its way.",
    }


def delivered_shape(question: AskedQuestion) -> dict[str, Any]:
    """Return the acknowledgement of a question that a person will answer.

    Nothing in it makes a client poll for an answer of the agent's.
    """
    return {
        "status": "delivered",
        "success": True,
        "handoff": "human",
        "conversation_id": str(question.conversation_id),
        "message_id": str(question.message_id),
        "response": "",
        "message": "A person has this conversation, and has your message.",
    }


def task_shape(outcome: AnswerOutcome) -> dict[str, Any]:
    """Return how a task stands; a finished one repeats its result's keys beside it."""
    status = outcome.status
    word, state, progress, sentence = _STATUS_WORDS[status.state]
    shown: dict[str, Any] = {
        "task_id": str(status.task_id),
        "status": word,
        "state": state,
        "progress": progress,
        "message": sentence,
        "status_url": status_url(status.task_id),
        "conversation_id": str(status.conversation_id),
        "message_id": str(status.message_id),
        "created_at": status.queued_at.isoformat(),
        "completed_at": status.completed_at.isoformat() if status.completed_at else None,
    }
    if outcome.message is not None:
        result = result_shape(outcome)
        shown["result"] = result
        shown.update((key, value) for key, value in result.items() if key not in _OWN_KEYS)
    elif not status.state.pending:
        shown["error"] = status.error or "The answer was cancelled."
        shown["error_code"] = status.error_code or "answer_cancelled"
    return shown


def result_shape(outcome: AnswerOutcome) -> dict[str, Any]:
    """Return a finished answer as the route that asked for it shows results."""
    if outcome.status.kind is AnswerKind.TEST:
        return test_shape(outcome)
    message = outcome.message
    if message is None:
        raise ValueError("only finished answers have a result")
    shown = message_shape(message)
    return {
        **shown,
        "response": message.content,
        "message_id": str(outcome.status.message_id),
        "cited_sources": message.metadata.get("cited_sources", []),
        "all_sources": message.metadata.get("all_sources", []),
    }


def test_shape(outcome: AnswerOutcome) -> dict[str, Any]:
    """Return what trying an agent shows."""
    message = outcome.message
    if message is None:
        raise ValueError("only finished answers have a result")
    metadata = message.metadata
    citations = [
        {
            "source_number": source["source_number"],
            "document_name": source["document_name"],
            "cited": source["cited"],
        }
        for source in message.sources
    ]
    return {
        "status": "success",
        "agent": {"name": metadata.get("agent_name", "")},
        "query": outcome.question,
        "response": message.content,
        "citations": citations,
        "llm_config": metadata.get("llm_config", {}),
        "metadata": {
            "all_sources": metadata.get("all_sources", []),
            "cited_sources": metadata.get("cited_sources", []),
            "warnings": [
                *metadata.get("warnings", []),
                *metadata.get("citation_warnings", []),
            ],
            "mode": metadata.get("mode"),
        },
        "processing_time": message.processing_time,
    }
