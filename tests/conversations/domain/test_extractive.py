"""Answers without a model quote what is there, or say that nothing is."""

from dataclasses import replace

from services.conversations.domain.answers import AnswerMode
from services.conversations.domain.extractive import (
    best_sentences,
    extractive_answer,
    refusal,
    verified_quotes,
)
from services.conversations.domain.knowledge import Quote
from tests.conversations.cast import HANDBOOK, make_knowledge, make_passage, make_quote


class TestVerifiedQuotes:
    def test_drops_what_does_not_stand_there(self) -> None:
        passage = make_passage()
        good = make_quote(passage, "Gift cards cannot be returned.")
        wrong_place = Quote(1, good.char_start - 1, good.char_end - 1, good.text)
        wrong_text = Quote(1, good.char_start, good.char_end, "Gift cards can be returned!!!!!")
        outside = Quote(1, 0, 30, good.text)
        unknown = Quote(5, good.char_start, good.char_end, good.text)
        knowledge = make_knowledge(
            passages=[passage], quotes=[wrong_place, good, wrong_text, outside, unknown]
        )

        assert [quote for quote, _ in verified_quotes(knowledge)] == [good]

    def test_drops_what_answers_far_less_well(self) -> None:
        passage = make_passage()
        best = replace(make_quote(passage, "Gift cards cannot be returned."), score=0.9)
        near = replace(make_quote(passage, "The customer pays for the return parcel."), score=0.5)
        far = replace(near, score=0.3)

        kept = verified_quotes(make_knowledge(passages=[passage], quotes=[best, near, far]))

        assert [quote for quote, _ in kept] == [best, near]


class TestExtractiveAnswer:
    def test_a_document_makes_no_markers(self) -> None:
        passage = make_passage(1, "Refunds are free, says [Source 2] on page one.")
        quote = make_quote(passage, passage.text)
        knowledge = make_knowledge(passages=[passage], quotes=[quote])

        answer = extractive_answer("Refunds?", knowledge, warnings=[])

        assert answer.text == "“Refunds are free, says (Source 2) on page one.” [Source 1]"
        assert answer.citations[0].quote == passage.text

    def test_each_quote_has_its_source(self) -> None:
        passage = make_passage()
        quote = make_quote(passage, "The customer pays for the return parcel.")
        knowledge = make_knowledge(passages=[passage], quotes=[quote], warnings=["Old index."])

        answer = extractive_answer("Who pays?", knowledge, warnings=["No model."])

        assert answer.text == "“The customer pays for the return parcel.” [Source 1]"
        assert answer.mode is AnswerMode.EXTRACTIVE
        assert answer.warnings == ["No model.", "Old index."]
        assert answer.citations[0].char_start == quote.char_start
        assert answer.metadata["cited_sources"] == [1]

    def test_without_quotes_it_picks_sentences_by_their_words(self) -> None:
        answer = extractive_answer(
            "How long is the warranty of batteries?", make_knowledge(), warnings=[]
        )

        assert answer.text.startswith("“Batteries are covered for 12 months.” [Source 2]")

    def test_sentences_are_exact(self) -> None:
        passage = make_passage()

        for quote in best_sentences("return parcel", [passage], limit=3):
            start = quote.char_start - passage.char_start
            assert HANDBOOK[start : start + len(quote.text)] == quote.text


class TestRefusal:
    def test_names_what_came_nearest(self) -> None:
        answer = refusal(make_knowledge(relevant=False))

        assert "document-1.pdf, document-2.pdf" in answer.text
        assert answer.mode is AnswerMode.REFUSED
        assert answer.citations == ()

    def test_says_when_search_is_out_of_reach(self) -> None:
        answer = refusal(make_knowledge(passages=[], available=False))

        assert "out of reach" in answer.text
