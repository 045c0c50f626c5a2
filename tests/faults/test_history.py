"""The checker must see what is lost or doubled, or its silence means nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.api import StreamEvent
from tests.faults.history import Asked, History, Outcome, StoredDocument, Uploaded, violations

TEXT = "It is 42."


def make_history() -> History:
    asked = Asked("c1", "What is the code?", message_id="m1", task_id="t1")
    unheard = Asked("c1", "And of the attic?")
    streamed = [
        event("a1:1:1", "chat_status", status="in_progress"),
        event("a1:1:2", "chat_delta", delta="It was ", attempt=1),
        event("a1:2:1", "chat_status", status="in_progress"),
        event("a1:2:2", "chat_delta", delta="It is ", attempt=2),
        event("a1:2:3", "chat_delta", delta="42.", attempt=2),
        event("a1:2:1000000", "chat_response", message={"content": TEXT}),
    ]
    upload = Uploaded("w.md", ("w-0", "w-1"), "d1")
    return History([upload], [asked, unheard], {"m1": streamed})


def event(event_id: str, name: str, **data: Any) -> StreamEvent:
    return StreamEvent(event_id, name, {"message_id": "m1", **data})


def make_outcome() -> Outcome:
    shown = {"status": "processed", "processing_error": None, "chunk_count": 2}
    chunks = [{"id": f"p{n}", "chunk_index": n, "content": f"w-{n}"} for n in range(2)]
    messages = [
        {"id": "m1", "role": "user", "content": "What is the code?"},
        {"id": "m2", "role": "assistant", "content": TEXT},
    ]
    return Outcome(
        documents={"w.md": [StoredDocument(shown, chunks, ["p0", "p1"])]},
        messages={"c1": messages},
        tasks={"t1": {"status": "completed", "result": {"response": TEXT}}},
        ledger=[{"answer_id": "a1", "conversation_id": "c1"}],
    )


def lose_document(history: History, outcome: Outcome) -> None:
    outcome.documents.clear()


def double_document(history: History, outcome: Outcome) -> None:
    outcome.documents["w.md"] *= 2


def fail_document(history: History, outcome: Outcome) -> None:
    outcome.documents["w.md"][0].shown["status"] = "failed"


def double_chunk(history: History, outcome: Outcome) -> None:
    chunks = outcome.documents["w.md"][0].chunks
    chunks.append(dict(chunks[1]))


def hide_chunk_from_search(history: History, outcome: Outcome) -> None:
    outcome.documents["w.md"][0].found.pop()


def lose_question(history: History, outcome: Outcome) -> None:
    outcome.messages["c1"] = []
    outcome.ledger.clear()


def double_question(history: History, outcome: Outcome) -> None:
    outcome.messages["c1"] += [{**one, "id": one["id"] + "b"} for one in outcome.messages["c1"]]
    outcome.ledger.append({"answer_id": "a2", "conversation_id": "c1"})


def double_answer(history: History, outcome: Outcome) -> None:
    outcome.messages["c1"].append({"id": "m3", "role": "assistant", "content": TEXT})
    outcome.ledger.append({"answer_id": "a2", "conversation_id": "c1"})


def forget_bill(history: History, outcome: Outcome) -> None:
    outcome.ledger.clear()


def bill_twice(history: History, outcome: Outcome) -> None:
    outcome.ledger *= 2


def leave_unanswered(history: History, outcome: Outcome) -> None:
    outcome.tasks["t1"]["status"] = "failed"


def repeat_event(history: History, outcome: Outcome) -> None:
    history.streamed["m1"].insert(4, history.streamed["m1"][3])


def lose_piece(history: History, outcome: Outcome) -> None:
    del history.streamed["m1"][3]


def mix_attempts(history: History, outcome: Outcome) -> None:
    events = history.streamed["m1"]
    events[1], events[3] = events[3], events[1]


def end_otherwise(history: History, outcome: Outcome) -> None:
    events = history.streamed["m1"]
    events[-1] = replace(events[-1], data={**events[-1].data, "message": {"content": "Other."}})


class TestViolations:
    def test_finds_none_where_all_is_well(self) -> None:
        assert list(violations(make_history(), make_outcome())) == []

    def test_lets_a_feed_that_was_lost_be(self) -> None:
        history = make_history()
        history.streamed["m1"][3:5] = []

        assert list(violations(history, make_outcome())) == []

    @pytest.mark.parametrize(
        "spoil",
        [
            lose_document,
            double_document,
            fail_document,
            double_chunk,
            hide_chunk_from_search,
            lose_question,
            double_question,
            double_answer,
            forget_bill,
            bill_twice,
            leave_unanswered,
            repeat_event,
            lose_piece,
            mix_attempts,
            end_otherwise,
        ],
    )
    def test_sees(self, spoil: Callable[[History, Outcome], None]) -> None:
        history, outcome = make_history(), make_outcome()

        spoil(history, outcome)

        assert list(violations(history, outcome))
