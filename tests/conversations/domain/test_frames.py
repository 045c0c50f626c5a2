"""The bytes of the stream, as the published clients need them."""

from uuid import uuid4

import pytest

from services.conversations.domain.errors import EmptyMessage, MessageTooLong
from services.conversations.domain.frames import (
    LAST_SEQUENCE,
    START,
    AnswerFrames,
    Frame,
    Position,
    event,
    event_id,
    events_in,
    parse_event_id,
)
from services.conversations.domain.questions import checked_question

FRAMES = AnswerFrames(
    conversation_id=uuid4(), message_id=uuid4(), task_id=uuid4(), answer_id=uuid4()
)


class TestFrames:
    def test_are_ascii_with_line_feeds_alone(self) -> None:
        body = FRAMES.delta("Zürich\u2028\r\n日本", Position(1, 2))

        assert body.isascii()
        assert b"\r" not in body
        assert body.endswith(b"\n\n")
        ((name, data),) = events_in(Frame(Position(1, 2), last=False, body=body))
        assert name == "chat_delta"
        assert data["delta"] == "Zürich\u2028\r\n日本"

    def test_an_answer_ends_with_response_and_status(self) -> None:
        position = Position(1, LAST_SEQUENCE)
        body = FRAMES.failed("No luck.", "model_failed", position)

        found = events_in(Frame(position, last=True, body=body))
        assert [name for name, _ in found] == ["chat_response", "chat_status"]
        assert found[0][1]["error"] == "No luck."
        assert b"event: error" not in body
        assert b"event: end" not in body

    def test_names_without_ids_have_none(self) -> None:
        assert event("heartbeat", {}) == b"event: heartbeat\ndata: {}\n\n"


class TestEventIds:
    def test_come_back_as_they_went(self) -> None:
        answer = uuid4()

        point = parse_event_id(event_id(answer, Position(2, 17)))

        assert point is not None
        assert (point.answer_id, point.position) == (answer, Position(2, 17))

    @pytest.mark.parametrize("text", [None, "", "x", "1:2:3", "::", "a" * 500])
    def test_what_is_not_ours_is_ignored(self, text: str | None) -> None:
        assert parse_event_id(text) is None

    def test_attempts_count_before_sequences(self) -> None:
        assert Position(1, LAST_SEQUENCE).is_before(Position(2, 1))
        assert START.is_before(Position(1, 1))
        assert not Position(2, 1).is_before(Position(1, 9))


class TestCheckedQuestion:
    def test_cleans_what_the_database_cannot_keep(self) -> None:
        assert checked_question(" a\x00b \ud800") == "ab ?"

    @pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u200b", "\x00"])
    def test_refuses_nothing(self, text: str) -> None:
        with pytest.raises(EmptyMessage):
            checked_question(text)

    def test_refuses_too_much(self) -> None:
        assert checked_question("x" * 8000)
        with pytest.raises(MessageTooLong):
            checked_question("x" * 8001)
