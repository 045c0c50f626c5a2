"""What a company did and what became of it, and the rules that must hold between the two."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.api import StreamEvent


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A document that was sent; without an id, nobody said that it was accepted."""

    filename: str
    markers: tuple[str, ...]
    document_id: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was sent; without ids, nobody said that it was accepted."""

    conversation_id: str
    text: str
    message_id: str | None = None
    task_id: str | None = None


@dataclass
class History:
    """All that a company did.

    Attributes:
        streamed: By accepted question, the events that its asker saw, in order.
    """

    uploads: list[Uploaded] = field(default_factory=list)
    questions: list[Asked] = field(default_factory=list)
    streamed: dict[str, list[StreamEvent]] = field(default_factory=dict)

    @property
    def accepted(self) -> list[Asked]:
        """The questions that were accepted."""
        return [asked for asked in self.questions if asked.message_id is not None]

    def questions_of(self, conversation_id: str) -> list[Asked]:
        """Return what was asked in a conversation, in order."""
        return [one for one in self.questions if one.conversation_id == conversation_id]


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the platform shows it in the end."""

    shown: dict[str, Any]
    chunks: list[dict[str, Any]]
    found: list[str]


@dataclass
class Outcome:
    """What the platform has in the end.

    Attributes:
        documents: By filename; those of a name in a list, for there must be one.
        messages: By conversation, in reading order.
        tasks: By task id.
        ledger: The rows of the usage export.
    """

    documents: dict[str, list[StoredDocument]] = field(default_factory=dict)
    messages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    ledger: list[dict[str, Any]] = field(default_factory=list)


def violations(history: History, outcome: Outcome) -> Iterator[str]:
    """Name everything that was lost, doubled or left half done."""
    for uploaded in history.uploads:
        yield from _document_violations(uploaded, outcome.documents.get(uploaded.filename, []))
    for conversation_id, messages in outcome.messages.items():
        yield from _conversation_violations(history.questions_of(conversation_id), messages)
        rows = [row for row in outcome.ledger if row["conversation_id"] == conversation_id]
        answers = sum(message["role"] == "assistant" for message in messages)
        if len(rows) != answers:
            yield f"{len(rows)} rows in the ledger for {answers} answers in {conversation_id}"
    billed = Counter(row["answer_id"] for row in outcome.ledger)
    yield from (f"answer {one} was billed {n} times" for one, n in billed.items() if n > 1)
    for asked in history.accepted:
        task = outcome.tasks[str(asked.task_id)]
        if task["status"] != "completed":
            yield f"question {asked.message_id} ended {task['status']}: {task.get('error')}"
        else:
            events = history.streamed.get(str(asked.message_id), [])
            yield from _stream_violations(asked, events, task["result"])


def _document_violations(uploaded: Uploaded, stored: Sequence[StoredDocument]) -> Iterator[str]:
    name = uploaded.filename
    if len(stored) > 1 or (not stored and uploaded.document_id is not None):
        yield f"{name} was stored {len(stored)} times"
    for document in stored:
        shown = document.shown
        if shown["status"] != "processed":
            yield f"{name} ended {shown['status']}: {shown['processing_error']}"
            continue
        positions = [chunk["chunk_index"] for chunk in document.chunks]
        if positions != list(range(len(uploaded.markers))):
            yield f"{name} has the chunks {positions}, not {len(uploaded.markers)} in order"
        if shown["chunk_count"] != len(positions):
            yield f"{name} says {shown['chunk_count']} chunks and has {len(positions)}"
        for chunk, marker in zip(document.chunks, uploaded.markers, strict=False):
            if marker not in chunk["content"]:
                yield f"{name} lacks {marker} in chunk {chunk['chunk_index']}"
        missing = {chunk["id"] for chunk in document.chunks} - set(document.found)
        if missing or len(document.found) != len(set(document.found)):
            yield f"search finds {document.found} of {name}, lacks {missing}"


def _conversation_violations(
    asked: Sequence[Asked], messages: Sequence[dict[str, Any]]
) -> Iterator[str]:
    ids = Counter(message["id"] for message in messages)
    yield from (f"message {one} is listed {n} times" for one, n in ids.items() if n > 1)
    questions = [message for message in messages if message["role"] == "user"]
    texts = Counter(message["content"] for message in questions)
    yield from (f"{text!r} was stored {n} times" for text, n in texts.items() if n > 1)
    stored = {message["id"] for message in questions}
    yield from (
        f"the accepted question {one.message_id} is lost"
        for one in asked
        if one.message_id is not None and one.message_id not in stored
    )
    unknown = set(texts) - {one.text for one in asked}
    if unknown:
        yield f"nobody asked {unknown}"
    # What was stored is answered, whether or not its asker heard that it was accepted.
    answers = len(messages) - len(questions)
    if answers != len(questions):
        yield f"{len(questions)} questions have {answers} answers"


def _stream_violations(
    asked: Asked, events: Sequence[StreamEvent], result: dict[str, Any]
) -> Iterator[str]:
    own = [event for event in events if event.data.get("message_id") == asked.message_id]
    seen = Counter((event.id, event.name) for event in own if event.id)
    yield from (f"event {one} came {n} times" for one, n in seen.items() if n > 1)
    places = [_place(event.id) for event in own if event.id]
    if places != sorted(places):
        yield f"the events of {asked.message_id} came out of order: {places}"
    endings = [event for event in own if event.name == "chat_response"]
    if len(endings) != 1:
        yield f"question {asked.message_id} had {len(endings)} endings on its stream"
        return
    message = endings[0].data.get("message", {})
    if message.get("content") != result["response"]:
        yield f"the stream of {asked.message_id} ended with another answer than was stored"
    attempt = _place(endings[0].id)[0]
    deltas = [event for event in own if event.name == "chat_delta"]
    last = [event for event in deltas if event.data["attempt"] == attempt]
    # A feed may be lost with Redis, and the answer then comes as a whole; but no hole may show.
    sequences = [_place(event.id)[1] for event in last]
    if sequences and sequences != list(range(sequences[0], sequences[0] + len(sequences))):
        yield f"the stream of {asked.message_id} has a hole: {sequences}"
    pieces = "".join(event.data["delta"] for event in last)
    # A part of them when the feed was lost; and a model's last space is not kept.
    if not str(result["response"]).startswith(pieces.rstrip()):
        yield f"the pieces of {asked.message_id} are not its answer"


def _place(event_id: str) -> tuple[int, int]:
    _, attempt, sequence = event_id.split(":")
    return int(attempt), int(sequence)
