"""The frames of the answer stream: server-sent events as the published clients read them.

Lines end with LF alone and JSON is escaped to ASCII: one of the clients mangles CRLF, another
breaks lines on every Unicode line end and decodes as Latin-1. No event is named `error` or `end`,
which would kill an EventEmitter's stream.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import orjson

from services.conversations.domain.answers import AnswerStatus, StoredMessage

STATUS: Final = "chat_status"
DELTA: Final = "chat_delta"
RESPONSE: Final = "chat_response"
OPENING_COMMENT: Final = b": stream opened\n\n"

_escaped = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the stream of one answer; the start of an attempt is sequence 0."""

    attempt: int
    sequence: int

    def is_before(self, other: "Position") -> bool:
        """Whether `other` comes later."""
        return (self.attempt, self.sequence) < (other.attempt, other.sequence)


START: Final = Position(0, 0)
# The frame that ends an attempt always has this sequence number, so that one that is made anew
# from the database, once the feed has expired, is known as the same.
LAST_SEQUENCE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event of an answer, ready to be sent.

    `last` when the answer ends with it; `others_pending` is False when it is known that nothing
    else was being answered in the conversation then.
    """

    position: Position
    last: bool
    body: bytes
    others_pending: bool = True


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """What `Last-Event-ID` says: the answer, and the last event of it that arrived."""

    answer_id: UUID
    position: Position


def event(name: str, data: Mapping[str, Any], *, event_id: str | None = None) -> bytes:
    """Return the bytes of one server-sent event."""
    head = f"id: {event_id}\n" if event_id else ""
    written = orjson.dumps(data)
    if not written.isascii():
        # What orjson cannot escape; ten times as slow.
        written = _escaped(data).encode("ascii")
    return b"%bevent: %b\ndata: %b\n\n" % (head.encode("ascii"), name.encode("ascii"), written)


def event_id(answer_id: UUID, position: Position) -> str:
    """Return the id of an event: answer, attempt, sequence."""
    return f"{answer_id}:{position.attempt}:{position.sequence}"


def parse_event_id(text: str | None) -> ResumePoint | None:
    """Read a `Last-Event-ID`; None for none, or one that we never sent."""
    if not text or len(text) > 80:
        return None
    try:
        answer, attempt, sequence = text.split(":")
        return ResumePoint(UUID(answer), Position(int(attempt), int(sequence)))
    except ValueError:
        return None


def heartbeat(conversation_id: UUID) -> bytes:
    """Return the event that keeps a silent stream open."""
    now = datetime.now(UTC).isoformat()
    return event("heartbeat", {"conversation_id": str(conversation_id), "timestamp": now})


@dataclass(frozen=True, slots=True)
class AnswerFrames:
    """Writes the frames of one answer."""

    conversation_id: UUID
    message_id: UUID
    task_id: UUID
    answer_id: UUID

    def status(self, status: str, position: Position) -> bytes:
        """Tell that the answer is `queued`, `in_progress`, `completed` or `failed`."""
        data = {**self._about(), "status": status}
        return event(STATUS, data, event_id=event_id(self.answer_id, position))

    def delta(self, text: str, position: Position) -> bytes:
        """Carry the next piece of the answer's text."""
        data = {**self._about(), "delta": text, "attempt": position.attempt}
        return event(DELTA, data, event_id=event_id(self.answer_id, position))

    def completed(self, message: StoredMessage, position: Position) -> bytes:
        """Carry the finished answer, and then its status."""
        data = {**self._about(), "status": "completed", "message": message_shape(message)}
        return self._ending(data, "completed", position)

    def failed(self, error: str, code: str, position: Position) -> bytes:
        """Tell why there is no answer, and then the status."""
        data = {**self._about(), "status": "failed", "error": error, "error_code": code}
        return self._ending(data, "failed", position)

    def _ending(self, data: Mapping[str, Any], status: str, position: Position) -> bytes:
        # Both events stand in one frame: whichever of them a client waits for, it has all.
        response = event(RESPONSE, data, event_id=event_id(self.answer_id, position))
        return response + self.status(status, position)

    def _about(self) -> dict[str, str]:
        return {
            "conversation_id": str(self.conversation_id),
            "message_id": str(self.message_id),
            "task_id": str(self.task_id),
        }


def frames_of(status: AnswerStatus) -> AnswerFrames:
    """Return the writer of an answer's frames."""
    return AnswerFrames(
        conversation_id=status.conversation_id,
        message_id=status.message_id,
        task_id=status.task_id,
        answer_id=status.answer_id,
    )


def message_shape(message: StoredMessage) -> dict[str, Any]:
    """Return a message as version 1 of the API shows it."""
    metadata = dict(message.metadata)
    return {
        "id": str(message.id),
        "conversation_id": str(message.conversation_id),
        "role": message.role,
        "content": message.content,
        "content_type": "text",
        "created_at": message.created_at.isoformat(),
        "model_used": message.model_used,
        "processing_time": message.processing_time,
        "tokens_used": message.tokens_used,
        "confidence_score": None,
        "user_feedback": None,
        "sources": [dict(source) for source in message.sources],
        "citations": [dict(citation) for citation in message.citations],
        "metadata": metadata,
    }


def events_in(frame: Frame) -> list[tuple[str, dict[str, Any]]]:
    """Read a frame's events back: name and data of each."""
    found = []
    for block in frame.body.decode("ascii").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in lines and "data" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found
