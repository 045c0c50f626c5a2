"""Markers become places in documents, and inventions are flagged."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.conversations.domain.citations import offered_sources, resolve_citations
from tests.conversations.cast import HANDBOOK, WARRANTY, make_passage

PASSAGES = [make_passage(1, HANDBOOK), make_passage(2, WARRANTY)]


# What a model writes at most.
LONG = 100_000


class TestResolveCitations:
    @pytest.mark.parametrize(
        "text",
        [
            " " * LONG,
            "[source" + " " * LONG,
            "[source 1" + " " * LONG,
            "[source 1 ," * (LONG // 11),
            "[ 1" + " ," * (LONG // 2),
            "!" * LONG,
            '?"' * (LONG // 2),
            "Gift cards cannot be returned [Source 1] [Source 2]. " * (LONG // 53),
            "Nobody ever wrote 1234 of this [Source 2]. " * (LONG // 43),
        ],
        ids=lambda text: text[:12],
    )
    def test_takes_no_longer_than_the_text_is_long(self, text: str) -> None:
        started = time.process_time()

        cited = resolve_citations(text, PASSAGES, bare_markers=True)

        # It runs on the event loop of all answers; what grows by the square took minutes.
        assert time.process_time() - started < 2
        assert len(cited.warnings) <= 20

    def test_finds_the_sentence_that_is_meant(self) -> None:
        cited = resolve_citations("The customer pays for the parcel [Source 1].", PASSAGES)

        (citation,) = cited.citations
        assert citation.quote == "The customer pays for the return parcel."
        start = citation.char_start - PASSAGES[0].char_start
        end = citation.char_end - PASSAGES[0].char_start
        assert HANDBOOK[start:end] == citation.quote
        assert cited.warnings == []

    def test_removes_unknown_markers(self) -> None:
        cited = resolve_citations("Returns within 30 days [Source 7] [source 1].", PASSAGES)

        assert cited.text == "Returns within 30 days [Source 1]."
        assert [citation.source_number for citation in cited.citations] == [1]
        assert "7" in cited.warnings[0]

    def test_reads_several_sources_in_one_marker(self) -> None:
        text = "Returns take 30 days, batteries are covered for 12 months [Source 1, 2]."

        cited = resolve_citations(text, PASSAGES)

        assert cited.text.endswith("[Source 1] [Source 2].")
        assert [citation.source_number for citation in cited.citations] == [1, 2]

    def test_a_marker_behind_the_full_stop_belongs_to_the_sentence_before(self) -> None:
        text = "Gift cards cannot be returned. [Source 1] Batteries: 12 months. [Source 2]"

        cited = resolve_citations(text, PASSAGES)

        assert [(c.source_number, c.quote) for c in cited.citations] == [
            (1, "Gift cards cannot be returned."),
            (2, "Batteries are covered for 12 months."),
        ]

    def test_bare_numbers_count_only_when_asked_for(self) -> None:
        text = "Gift cards cannot be returned [1]."

        assert resolve_citations(text, PASSAGES).citations == []
        bare = resolve_citations(text, PASSAGES, bare_markers=True)
        assert bare.text == "Gift cards cannot be returned [Source 1]."

    def test_flags_what_the_cited_source_does_not_say(self) -> None:
        cited = resolve_citations("Every drill has a five years warranty [Source 1].", PASSAGES)

        words, numbers = cited.warnings
        assert words.startswith("Not supported by the sources it cites")
        assert numbers == "Numbers that the cited sources do not have: 5."

    def test_flags_numbers_from_nowhere(self) -> None:
        cited = resolve_citations("Returns are accepted within 45 days [Source 1].", PASSAGES)

        assert "45" in cited.warnings[0]

    @given(st.text(alphabet="ab. [Source]129,\n\u2028“”", max_size=200))
    def test_whatever_a_model_writes_only_known_markers_stay(self, text: str) -> None:
        cited = resolve_citations(text, PASSAGES)

        assert {citation.source_number for citation in cited.citations} <= {1, 2}
        for citation in cited.citations:
            passage = PASSAGES[citation.source_number - 1]
            start = citation.char_start - passage.char_start
            assert passage.text[start:].startswith(citation.quote)


class TestOfferedSources:
    def test_marks_those_that_are_cited(self) -> None:
        cited = resolve_citations("Gift cards cannot be returned [Source 1].", PASSAGES)

        sources = offered_sources(PASSAGES, cited.citations)

        assert [(source.source_number, source.cited) for source in sources] == [
            (1, True),
            (2, False),
        ]
