import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.documents.domain.sentences import sentence_spans


class TestSentenceSpans:
    @pytest.mark.parametrize(
        ("text", "sentences"),
        [
            ("One. Two! Three?", ["One.", "Two!", "Three?"]),
            (
                "Ask Dr. Smith or J. Doe, e.g. Monday. Then go.",
                ["Ask Dr. Smith or J. Doe, e.g. Monday.", "Then go."],
            ),
            ("It costs 3.50 euros. Cheap.", ["It costs 3.50 euros.", "Cheap."]),
            ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
            ("你好。世界！再见", ["你好。", "世界！", "再见"]),  # noqa: RUF001 - full-width marks are what this is about
            ("A title\n\nA line\nAnother", ["A title", "A line", "Another"]),
            ("", []),
        ],
    )
    def test_cuts_where_sentences_end(self, text: str, sentences: list[str]) -> None:
        assert [text[start:end] for start, end in sentence_spans(text)] == sentences

    @given(st.text(max_size=300))
    def test_loses_only_space(self, text: str) -> None:
        end = 0
        for start, stop in sentence_spans(text):
            assert text[end:start].strip() == ""
            assert start < stop
            end = stop
        assert text[end:].strip() == ""
