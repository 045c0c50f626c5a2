import struct
from collections import Counter

import numpy as np
import pytest

from services.documents.adapters.vectors.resident import (
    MAX_SEGMENTS,
    Digests,
    ResidentIndex,
    code_of,
    encoded_terms,
)
from services.documents.adapters.vectors.shelves import View

ALL = View(groups=None)
RANDOM = np.random.default_rng(5)
Passage = tuple[bytes, np.ndarray, dict[int, int]]


def make_passage(number: int) -> Passage:
    """Make a passage of (id, vector, terms); all ids end in zero bytes."""
    vector = RANDOM.normal(size=128).astype(np.float32)
    terms = Counter(RANDOM.zipf(1.3, size=60).clip(max=500).tolist())
    return struct.pack(">Q", number + 1) + bytes(8), vector / np.linalg.norm(vector), dict(terms)


def digests_of(passages: list[Passage]) -> Digests:
    """String passages together as the database does."""
    terms = [encoded_terms(terms) for _, _, terms in passages]
    return Digests.from_columns(
        [
            b"".join(id_ for id_, _, _ in passages),
            b"".join(code_of(vector).tobytes() for _, vector, _ in passages),
            b"".join(struct.pack(">i", len(counts)) for _, counts in terms),
            b"".join(ids for ids, _ in terms),
            b"".join(counts for _, counts in terms),
            b"".join(id_ for id_, _, _ in passages),
            bytes(4 * len(passages)),
            b"",
        ]
    )


def bm25(passages: list[Passage], query: list[int]) -> list[tuple[float, bytes]]:
    """Score by the textbook."""
    lengths = [sum(terms.values()) for _, _, terms in passages]
    average = sum(lengths) / len(lengths)
    scored = []
    for (id_, _, terms), length in zip(passages, lengths, strict=True):
        score = 0.0
        for term in set(query):
            frequency = sum(term in other for _, _, other in passages)
            weight = np.log1p((len(passages) - frequency + 0.5) / (frequency + 0.5))
            count = terms.get(term, 0)
            score += weight * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / average))
        scored.append((score, id_))
    return sorted(scored, key=lambda hit: (-hit[0], hit[1]))


@pytest.fixture
def passages() -> list[Passage]:
    return [make_passage(number) for number in range(300)]


@pytest.fixture
def index(passages: list[Passage]) -> ResidentIndex:
    return ResidentIndex(0, 0).learned(digests_of(passages), generation=1, removals=0)


class TestResidentIndex:
    def test_words_rank_as_the_textbook_says(
        self, index: ResidentIndex, passages: list[Passage]
    ) -> None:
        query = [3, 17, 250, 99_999]

        found = index.matching(query, limit=20, view=ALL)

        expected = bm25(passages, query)[:20]
        assert [score for score, _ in found] == pytest.approx([s for s, _ in expected], rel=1e-4)
        assert {id_ for _, id_ in found[:10]} == {id_ for _, id_ in expected[:10]}

    def test_meaning_ranks_as_the_vectors_say(
        self, index: ResidentIndex, passages: list[Passage]
    ) -> None:
        hits = 0
        for number in range(20):
            query = passages[number][1] + RANDOM.normal(size=128).astype(np.float32) * 0.05
            query /= np.linalg.norm(query)
            exact = sorted((-float(vector @ query), id_) for id_, vector, _ in passages)

            found = index.nearest(query, limit=30, view=ALL)

            assert found[0][1] == exact[0][1]
            assert found[0][0] == pytest.approx(exact[0][0], abs=0.01)
            hits += len({id_ for _, id_ in found[:10]} & {id_ for _, id_ in exact[:10]})
        assert hits / 200 >= 0.9

    def test_it_grows_by_segments_and_keeps_them_few(self, passages: list[Passage]) -> None:
        index = ResidentIndex(0, 0)
        for number, passage in enumerate(passages, start=1):
            index = index.learned(digests_of([passage]), generation=number, removals=0)
            assert len(index.segments) <= MAX_SEGMENTS

        whole = ResidentIndex(0, 0).learned(digests_of(passages), generation=1, removals=0)
        query = passages[7][1]
        assert index.size == 300
        assert (
            index.nearest(query, limit=30, view=ALL)[:3]
            == whole.nearest(query, limit=30, view=ALL)[:3]
        )
        scores, expected = (
            [score for score, _ in one.matching([3, 17], limit=9, view=ALL)]
            for one in (index, whole)
        )
        assert scores == pytest.approx(expected)

    def test_what_is_gone_is_not_found(self, index: ResidentIndex, passages: list[Passage]) -> None:
        kept = passages[::2]
        live_ids = np.frombuffer(b"".join(id_ for id_, _, _ in kept), dtype="S16")

        index = index.learned(digests_of([]), generation=2, removals=1, live_ids=live_ids)

        ids = {id_ for id_, _, _ in kept}
        assert index.size == 150
        assert {id_ for _, id_ in index.nearest(passages[1][1], limit=300, view=ALL)} == ids
        assert {id_ for _, id_ in index.matching([1, 2, 3], limit=300, view=ALL)} <= ids

    def test_a_passage_learned_anew_takes_the_place_of_the_old(
        self, index: ResidentIndex, passages: list[Passage]
    ) -> None:
        id_, vector, _ = passages[0]

        index = index.learned(digests_of([(id_, -vector, {777: 1})]), generation=2, removals=0)

        assert index.size == 300
        assert index.matching([777], limit=5, view=ALL)[0][1] == id_
        assert index.nearest(-vector, limit=1, view=ALL)[0][1] == id_
        assert index.nearest(vector, limit=1, view=ALL)[0][1] != id_

    def test_the_empty_index_finds_nothing(self) -> None:
        index = ResidentIndex(0, 0)

        assert index.nearest(make_passage(0)[1], limit=5, view=ALL) == []
        assert index.matching([1], limit=5, view=ALL) == []
