"""What both vector stores share: the ids of terms, and the fusion of two rankings."""

import zlib
from collections.abc import Hashable, Sequence
from typing import Final, TypeVar

# Cormack, Clarke, Büttcher: Reciprocal Rank Fusion, SIGIR 2009.
RRF_K: Final = 60

Key = TypeVar("Key", bound=Hashable)


def term_id(term: str) -> int:
    """Return the 32-bit number that stands for a term, the same in every process.

    Two of a million terms share one now and then, which costs a passage a wrong word.
    """
    return zlib.crc32(term.encode("utf-8"))


def reciprocal_rank(rank: int | None) -> float:
    """Return what a place in one ranking is worth; ranks count from 1, None is worth nothing."""
    return 0.0 if rank is None else 1.0 / (RRF_K + rank)


def ranks(ordered: Sequence[Key]) -> dict[Key, int]:
    """Return each key's rank, from 1."""
    return {key: rank for rank, key in enumerate(ordered, start=1)}
