"""How long the local engine takes to rank, by the size of an agent: `python -m bench.ranking`.

In memory and in one thread, without the round trip that confirms the hits: made-up vectors of 384
dimensions and 60 terms a passage, questions of one vector and eight terms, fifty candidates of each
ranking. One column for who reads everything, one for a reader of half the documents.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

import numpy as np

from bench.api import median, quantile
from services.documents.adapters.vectors.resident import (
    Digests,
    ResidentIndex,
    code_of,
    encoded_terms,
)
from services.documents.adapters.vectors.shelves import View

SIZES: Final = (10_000, 100_000)
QUESTIONS: Final = 200
_DIMENSION: Final = 384
_PASSAGES_A_DOCUMENT: Final = 20
_VOCABULARY: Final = 50_000
_GROUP: Final = UUID(int=1).bytes


def made_up(count: int, chance: np.random.Generator) -> Digests:
    """Return so many passages; every other document is for one group."""
    vectors = chance.normal(size=(count, _DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    terms = [encoded_terms(_terms(chance, 60)) for _ in range(count)]
    documents = [number // _PASSAGES_A_DOCUMENT for number in range(count)]
    return Digests.from_columns(
        [
            b"".join(UUID(int=number + 1).bytes for number in range(count)),
            code_of(vectors).tobytes(),
            np.array([len(counts) for _, counts in terms], dtype=">i4").tobytes(),
            b"".join(ids for ids, _ in terms),
            b"".join(counts for _, counts in terms),
            b"".join(UUID(int=document + 1).bytes for document in documents),
            np.array([16 * (document % 2) for document in documents], dtype=">i4").tobytes(),
            b"".join(_GROUP * (document % 2) for document in documents),
        ]
    )


def _terms(chance: np.random.Generator, count: int) -> dict[int, int]:
    ids, counts = np.unique(chance.zipf(1.2, size=count) % _VOCABULARY, return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))


def measured(index: ResidentIndex, view: View, chance: np.random.Generator) -> Sequence[float]:
    """Return the milliseconds of each question."""
    taken = []
    for _ in range(QUESTIONS):
        vector = chance.normal(size=_DIMENSION).astype(np.float32)
        terms = list(_terms(chance, 8))
        started = time.perf_counter()
        index.nearest(vector / np.linalg.norm(vector), limit=50, view=view)
        index.matching(terms, limit=50, view=view)
        taken.append(1_000 * (time.perf_counter() - started))
    return taken


def figures() -> Iterator[tuple[int, float, float]]:
    """Yield the passages of an agent, and the p50 and p95 of ranking them for who reads all."""
    chance = np.random.default_rng(3)
    for size in SIZES:
        index = ResidentIndex(0, 0).learned(made_up(size, chance), generation=1, removals=0)
        taken = measured(index, View(groups=None), chance)
        yield size, median(taken), quantile(taken, 0.95)


def main() -> None:
    """Measure and print."""
    chance = np.random.default_rng(3)
    print("| passages | reads all, p50 / p95 ms | reads half, p50 / p95 ms | MB |")
    print("|---|---|---|---|")
    for size in SIZES:
        index = ResidentIndex(0, 0).learned(made_up(size, chance), generation=1, removals=0)
        cells = []
        for view in (View(groups=None), View(groups=frozenset())):
            taken = measured(index, view, chance)
            cells.append(f"{median(taken):.2f} / {quantile(taken, 0.95):.2f}")
        print(f"| {size:,} | {' | '.join(cells)} | {index.byte_count / 1e6:.0f} |")


if __name__ == "__main__":
    main()
