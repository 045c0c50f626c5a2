"""Twins, neighbours, budgets and highlights."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from services.documents.domain.arranging import (
    highlights,
    stretches_of,
    within_budget,
    without_twins,
)
from services.documents.domain.search import FoundPassage

HANDBOOK = UUID(int=1)


def found(number: int, text: str, *, position: int = 0, document: UUID = HANDBOOK) -> FoundPassage:
    return FoundPassage(
        number=number,
        passage_id=uuid4(),
        document_id=document,
        document_version=1,
        document_name="handbook.md",
        url=None,
        position=position,
        page=None,
        heading_path=(),
        char_start=position * 1000,
        char_end=position * 1000 + len(text),
        text=text,
        score=1 / number,
    )


LONG = (
    "Every employee receives an annual travel allowance for commuting between home, office, "
    "customers, suppliers and warehouse, paid quarterly in advance by the finance department"
)


class TestTwins:
    def test_the_better_one_of_two_stays(self) -> None:
        first, twin, other = (
            found(1, f"{LONG}, draft 1."),
            found(2, f"{LONG}, draft 2.", document=UUID(int=2)),
            found(3, "Parcels leave within two days."),
        )

        kept = without_twins([first, twin, other])

        assert [one.passage_id for one in kept] == [first.passage_id, other.passage_id]
        assert [one.number for one in kept] == [1, 2]

    def test_short_ones_are_twins_only_when_they_are_the_same(self) -> None:
        texts = ["The fee is 5 euros.", "The fee is 6 euros.", "The fee is 5 euros."]
        passages = [found(number, text) for number, text in enumerate(texts, start=1)]

        assert [one.text for one in without_twins(passages)] == texts[:2]


class TestStretches:
    def test_neighbours_are_one_and_stand_where_the_best_of_them_does(self) -> None:
        far, third, first, second = (
            found(1, "far", position=9),
            found(2, "three", position=3),
            found(3, "one", position=1),
            found(4, "two", position=2),
        )
        elsewhere = found(5, "elsewhere", position=2, document=UUID(int=2))
        old = replace(found(6, "old", position=4), document_version=2)

        stretches = stretches_of([far, third, first, second, elsewhere, old])

        assert [stretch.text for stretch in stretches] == [
            "far",
            "one\n\ntwo\n\nthree",
            "elsewhere",
            "old",
        ]
        assert stretches[1].best == third


class TestBudget:
    @pytest.mark.parametrize(("budget", "count"), [(None, 3), (1000, 3), (9, 1), (1, 1), (12, 2)])
    def test_keeps_the_best_that_fit(self, budget: int | None, count: int) -> None:
        passages = [found(number, "one two three four five") for number in (1, 2, 3)]

        assert within_budget(passages, budget) == tuple(passages[:count])


class TestHighlights:
    @pytest.mark.parametrize(
        ("query", "text", "words"),
        [
            ("returning parcels", "A parcel may be returned.", ["parcel", "returned"]),
            ("What is the fee?", "The fees are what they are.", ["fees"]),
            ("Wie lange sind Reisen?", "Eine Reise dauert lange.", ["Reise", "lange"]),
            ("東京都", "私は東京に住む。", ["東京"]),
            ("nothing", "of the kind", []),
        ],
    )
    def test_are_words_that_both_have(self, query: str, text: str, words: list[str]) -> None:
        assert [text[start:end] for start, end in highlights(query, text)] == words
