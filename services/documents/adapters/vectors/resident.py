"""An agent's passages as arrays: what search needs to rank them, in about 1 KB a passage.

A passage is kept as its vector in bytes (int8), as the signs of that vector in bits, and as its
terms with their counts. Comparing bits finds candidates by meaning, the bytes put them in order,
BM25 finds by words. At 10,000 passages this takes 0.3 ms, where PostgreSQL needs 1.7 ms for the
bits alone (docs/decisions/vectors-in-postgresql.md).

Everything here is immutable: an index that learns of new passages is a new index that shares the
old one's segments.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from services.documents.adapters.vectors.shelves import Ids, Shelf, View, cut_readers

# Robertson, Zaragoza: The Probabilistic Relevance Framework: BM25 and Beyond, 2009; usual values.
K1: Final = 1.2
B: Final = 0.75
MAX_SEGMENTS: Final = 6
# Signs order roughly: so many times the wanted passages are put in order by their bytes.
OVERSAMPLING: Final = 4
MAX_ROWS: Final = 1 << 24

Bits = NDArray[np.uint64]
Codes = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Digests:
    """Passages as they come from the database, one after the other.

    Attributes:
        ids: (n,) of 16 bytes.
        codes: (n, dimension), see `code_of`.
        sizes: (n,), how many terms each passage has.
        term_ids, term_counts: Those terms, passage after passage.
        documents: (n,) of 16 bytes, which document each is of.
        readers: (n), see `readers_code`.
    """

    ids: Ids
    codes: Codes
    sizes: NDArray[np.int32]
    term_ids: NDArray[np.uint32]
    term_counts: NDArray[np.uint8]
    documents: Ids
    readers: Sequence[bytes]

    @classmethod
    def from_columns(cls, columns: Sequence[bytes]) -> Self:
        """Read columns that the database has strung together; sizes are big-endian."""
        ids, codes, sizes, term_ids, term_counts, documents, reader_sizes, readers = columns
        kept_ids = np.frombuffer(ids, dtype="S16")
        dimension = len(codes) // max(len(kept_ids), 1)
        return cls(
            kept_ids,
            np.frombuffer(codes, dtype=np.int8).reshape(len(kept_ids), dimension),
            np.frombuffer(sizes, dtype=">i4").astype(np.int32),
            np.frombuffer(term_ids, dtype="<u4"),
            np.frombuffer(term_counts, dtype=np.uint8),
            np.frombuffer(documents, dtype="S16"),
            cut_readers(readers, np.frombuffer(reader_sizes, dtype=">i4")),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """Passages with an inverted index over their terms. Rows number the passages."""

    ids: Ids
    codes: Codes
    norms: NDArray[np.float32]
    signs: Bits  # (dimension / 64, n): a row holds the same bits of all passages
    lengths: NDArray[np.float32]
    terms: NDArray[np.uint32]
    starts: NDArray[np.int64]  # (terms + 1,): where each term's postings begin
    rows: NDArray[np.uint32]
    counts: NDArray[np.uint8]
    shelf: Shelf
    alive: NDArray[np.bool_] | None = None

    @classmethod
    def build(cls, digests: Digests) -> Self:
        """Index passages."""
        count = len(digests.ids)
        if count > MAX_ROWS:
            raise ValueError("too many passages for one segment")
        rows: NDArray[np.uint64] = np.repeat(np.arange(count, dtype=np.uint64), digests.sizes)
        keys = _keys(digests.term_ids, rows, digests.term_counts)
        lengths = np.bincount(
            rows.astype(np.int64), weights=digests.term_counts, minlength=count
        ).astype(np.float32)
        return cls._from_keys(
            keys,
            ids=digests.ids,
            codes=digests.codes,
            lengths=lengths,
            shelf=Shelf.build(digests.documents, digests.readers),
        )

    @classmethod
    def merge(cls, segments: Sequence["Segment"]) -> Self:
        """Make one segment of several, without the passages that are gone."""
        keys: list[NDArray[np.uint64]] = []
        offset = 0
        for segment in segments:
            new_rows = np.cumsum(segment.mask) - 1 + offset
            kept = segment.mask[segment.rows]
            terms = np.repeat(segment.terms, np.diff(segment.starts))[kept]
            moved = new_rows[segment.rows[kept]]
            keys.append(_keys(terms, moved, segment.counts[kept]))
            offset += int(segment.mask.sum())
        return cls._from_keys(
            np.concatenate(keys),
            ids=np.concatenate([segment.ids[segment.mask] for segment in segments]),
            codes=np.concatenate([segment.codes[segment.mask] for segment in segments]),
            lengths=np.concatenate([segment.lengths[segment.mask] for segment in segments]),
            shelf=Shelf.build(
                np.concatenate([one.shelf.documents[one.shelf.rows[one.mask]] for one in segments]),
                [
                    one.shelf.readers[row]
                    for one in segments
                    for row in one.shelf.reader_rows[one.shelf.rows[one.mask]].tolist()
                ],
            ),
        )

    @classmethod
    def _from_keys(
        cls,
        keys: NDArray[np.uint64],
        *,
        ids: Ids,
        codes: Codes,
        lengths: NDArray[np.float32],
        shelf: Shelf,
    ) -> Self:
        keys.sort()
        of_posting = (keys >> 32).astype(np.uint32)
        terms, starts = np.unique(of_posting, return_index=True)
        return cls(
            ids,
            codes,
            np.linalg.norm(codes.astype(np.float32), axis=1),
            np.ascontiguousarray(np.packbits(codes > 0, axis=1).view(np.uint64).T),
            lengths,
            terms,
            np.append(starts, len(keys)).astype(np.int64),
            ((keys >> 8) & 0xFFFFFF).astype(np.uint32),
            (keys & 0xFF).astype(np.uint8),
            shelf,
        )

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Which passages are still there."""
        return np.ones(len(self.ids), dtype=np.bool_) if self.alive is None else self.alive

    @property
    def size(self) -> int:
        """How many passages are still there."""
        return len(self.ids) if self.alive is None else int(self.alive.sum())

    @property
    def byte_count(self) -> int:
        """The memory of the arrays."""
        arrays = (
            *(self.ids, self.codes, self.norms, self.signs, self.lengths),
            *(self.terms, self.starts, self.rows, self.counts),
        )
        return sum(array.nbytes for array in arrays) + self.shelf.byte_count

    def seen_in(self, view: View) -> NDArray[np.bool_] | None:
        """Return which passages are there and shown by a view; None when all are."""
        shown = self.shelf.seen_in(view)
        if shown is None or self.alive is None:
            return self.alive if shown is None else shown
        return shown & self.alive

    def without(self, gone: NDArray[np.bool_]) -> "Segment":
        """Return the segment with some passages marked as gone."""
        if not gone.any():
            return self
        return replace(self, alive=self.mask & ~gone)

    def postings(self, term: int) -> slice:
        """Return where a term's postings are; an empty slice when it has none."""
        place = int(np.searchsorted(self.terms, np.uint32(term)))
        if place == len(self.terms) or self.terms[place] != term:
            return slice(0, 0)
        return slice(int(self.starts[place]), int(self.starts[place + 1]))


@dataclass(frozen=True, slots=True, eq=False)
class ResidentIndex:
    """What a process knows of one agent's passages in one space, up to a generation."""

    generation: int
    removals: int
    segments: tuple[Segment, ...] = ()

    @property
    def byte_count(self) -> int:
        """The memory that it takes."""
        return sum(segment.byte_count for segment in self.segments)

    @property
    def size(self) -> int:
        """How many passages it holds."""
        return sum(segment.size for segment in self.segments)

    def learned(
        self,
        new: Digests,
        *,
        generation: int,
        removals: int,
        live_ids: Ids | None = None,
    ) -> "ResidentIndex":
        """Return the index with new passages, and without those that they replace.

        Args:
            new: Passages since the last generation.
            generation: And `removals`: up to where this goes.
            live_ids: All ids that there are, when some were removed.
        """
        segments = list(self.segments)
        if len(new.ids):
            segments = [segment.without(np.isin(segment.ids, new.ids)) for segment in segments]
            segments.append(Segment.build(new))
        if live_ids is not None:
            segments = [segment.without(~np.isin(segment.ids, live_ids)) for segment in segments]
        segments = [segment for segment in segments if segment.size]
        return ResidentIndex(generation, removals, tuple(_compact(segments)))

    def nearest(
        self, vector: NDArray[np.float32], *, limit: int, view: View
    ) -> list[tuple[float, bytes]]:
        """Return (distance, id) of the passages whose vectors are likest, nearest first.

        The distance is the negative cosine, as pgvector has it for vectors of unit length.
        """
        signs = np.packbits(vector > 0).view(np.uint64)
        found: list[tuple[float, bytes]] = []
        for segment in self.segments:
            apart = np.zeros(len(segment.ids), dtype=np.uint16)
            for word, bits in zip(signs, segment.signs, strict=True):
                apart += np.bitwise_count(bits ^ word)
            seen = segment.seen_in(view)
            if seen is not None:
                apart[~seen] = 64 * len(signs) + 1
            rows = _nearest_rows(apart, limit * OVERSAMPLING)
            if seen is not None:
                rows = rows[seen[rows]]
            distances = -(segment.codes[rows].astype(np.float32) @ vector)
            distances /= np.maximum(segment.norms[rows], 1e-9)
            best = np.argsort(distances, kind="stable")[:limit]
            found += zip(distances[best].tolist(), _full_ids(segment.ids[rows[best]]), strict=True)
        found.sort()
        return found[:limit]

    def matching(
        self, term_ids: Iterable[int], *, limit: int, view: View
    ) -> list[tuple[float, bytes]]:
        """Return (BM25 score, id) of the passages whose words match best."""
        total = self.size
        if not total:
            return []
        words = sum(float(segment.lengths.sum()) for segment in self.segments)
        average = max(words / sum(len(segment.ids) for segment in self.segments), 1.0)
        postings = {
            term: [segment.postings(term) for segment in self.segments] for term in set(term_ids)
        }
        weights = {
            term: _inverse_frequency(sum(part.stop - part.start for part in parts), total)
            for term, parts in postings.items()
        }
        found: list[tuple[float, bytes]] = []
        for place, segment in enumerate(self.segments):
            parts = {term: places[place] for term, places in postings.items()}
            scores = _scores(segment, parts, weights, average, seen=segment.seen_in(view))
            if scores is None:
                continue
            rows = _best_rows(scores, limit)
            found += zip(scores[rows].tolist(), _full_ids(segment.ids[rows]), strict=True)
        found.sort(key=lambda hit: (-hit[0], hit[1]))
        return found[:limit]


def code_of(vectors: NDArray[np.float32]) -> Codes:
    """Return unit vectors, one or (n, dimension), in bytes: each scaled to its largest number."""
    largest = np.max(np.abs(vectors), axis=-1, keepdims=True)
    scaled = np.rint(vectors * (127 / np.maximum(largest, 1e-9)))
    # A small positive number must not lose its sign.
    codes: Codes = np.where((scaled == 0) & (vectors > 0), 1, scaled).astype(np.int8)
    return codes


def encoded_terms(terms: Mapping[int, int]) -> tuple[bytes, bytes]:
    """Return the ids of a passage's terms and their counts, as the database keeps them."""
    counts = np.minimum(np.fromiter(terms.values(), dtype=np.int64, count=len(terms)), 255)
    ids = np.fromiter(terms.keys(), dtype="<u4", count=len(terms))
    return ids.tobytes(), counts.astype(np.uint8).tobytes()


def _keys(
    terms: NDArray[np.uint32],
    rows: NDArray[np.integer],
    counts: NDArray[np.uint8],
) -> NDArray[np.uint64]:
    """Put term, row and count into one number each: plain numbers sort ten times as fast."""
    eight, thirty_two = np.uint64(8), np.uint64(32)
    high = (terms.astype(np.uint64) << thirty_two) | (rows.astype(np.uint64) << eight)
    keys: NDArray[np.uint64] = np.bitwise_or(high, counts, dtype=np.uint64)
    return keys


def _scores(
    segment: Segment,
    parts: Mapping[int, slice],
    weights: Mapping[int, float],
    average: float,
    *,
    seen: NDArray[np.bool_] | None,
) -> NDArray[np.float32] | None:
    if all(part.start == part.stop for part in parts.values()):
        return None
    scores = np.zeros(len(segment.ids), dtype=np.float32)
    for term, part in parts.items():
        if part.start == part.stop:
            continue
        rows = segment.rows[part]
        counts = segment.counts[part].astype(np.float32)
        norms = K1 * (1 - B + B / average * segment.lengths[rows])
        scores[rows] += weights[term] * (K1 + 1) * counts / (counts + norms)
    if seen is not None:
        scores[~seen] = 0
    return scores


def _inverse_frequency(frequency: int, total: int) -> float:
    return float(np.log1p((total - min(frequency, total) + 0.5) / (frequency + 0.5)))


def _nearest_rows(apart: NDArray[np.uint16], limit: int) -> NDArray[np.intp]:
    """Return the rows with the fewest bits apart; a few more than asked where they tie."""
    if len(apart) <= limit:
        return np.arange(len(apart))
    # Bits are few, so counting them is a tenth of the work of sorting.
    up_to = np.cumsum(np.bincount(apart))
    return np.flatnonzero(apart <= np.searchsorted(up_to, limit))


def _best_rows(scores: NDArray[np.float32], limit: int) -> NDArray[np.intp]:
    """Return the rows of the highest scores above 0, in no order."""
    rows = np.flatnonzero(scores)
    if len(rows) <= limit:
        return rows
    return rows[np.argpartition(scores[rows], len(rows) - limit)[len(rows) - limit :]]


def _compact(segments: list[Segment]) -> list[Segment]:
    """Keep segments few: the small ones become one, and join the large one when they matter."""
    if len(segments) <= MAX_SEGMENTS:
        return segments
    by_size = sorted(segments, key=lambda segment: segment.size, reverse=True)
    small = sum(segment.size for segment in by_size[1:])
    if small * 4 > by_size[0].size:
        return [Segment.merge(by_size)]
    return [by_size[0], Segment.merge(by_size[1:])]


def _full_ids(values: Ids) -> list[bytes]:
    # numpy takes zero bytes at the end of a fixed-width string for padding.
    whole = values.tobytes()
    return [whole[start : start + 16] for start in range(0, len(whole), 16)]
