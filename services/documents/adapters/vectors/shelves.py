"""Which documents an agent's passages are of, and who may read them: what a search may see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from services.documents.domain.readers import Reader

Ids = NDArray[np.bytes_]


@dataclass(frozen=True, slots=True)
class View:
    """What of an index a search may see.

    Attributes:
        groups: Those of the reader, as in `readers_code`; None sees what is for any group.
        documents: Only these; None for all.
    """

    groups: frozenset[bytes] | None
    documents: frozenset[bytes] | None = None

    @classmethod
    def of(cls, reader: Reader, document_ids: frozenset[UUID] | None) -> Self:
        """Return the view of a reader."""
        return cls(
            None if reader.groups is None else frozenset(group.bytes for group in reader.groups),
            None if document_ids is None else frozenset(id_.bytes for id_ in document_ids),
        )

    def may_read(self, readers: bytes) -> bool:
        """Tell whether it shows what is for these groups."""
        if self.groups is None or not readers:
            return True
        return any(readers[at : at + 16] in self.groups for at in range(0, len(readers), 16))


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Which document each passage is of, and who may read it.

    Attributes:
        documents: (d,) of 16 bytes.
        rows: (n,), the place of each passage's document.
        readers: (r,), the sets of groups that there are.
        reader_rows: (d,), the place of each document's set.
    """

    documents: Ids
    rows: NDArray[np.uint32]
    readers: tuple[bytes, ...]
    reader_rows: NDArray[np.uint32]

    @classmethod
    def build(cls, documents: Ids, readers: Sequence[bytes]) -> Self:
        """Sort passages by their documents."""
        known, first, rows = np.unique(documents, return_index=True, return_inverse=True)
        places: dict[bytes, int] = {}
        reader_rows = [places.setdefault(readers[row], len(places)) for row in first.tolist()]
        return cls(
            known, rows.astype(np.uint32), tuple(places), np.array(reader_rows, dtype=np.uint32)
        )

    @property
    def byte_count(self) -> int:
        """The memory of the arrays."""
        return self.documents.nbytes + self.rows.nbytes + self.reader_rows.nbytes

    def seen_in(self, view: View) -> NDArray[np.bool_] | None:
        """Return which passages a view shows; None when it shows all."""
        restricted = view.groups is not None and any(self.readers)
        if not restricted and view.documents is None:
            return None
        # Many documents share few sets of groups.
        open_to_view = np.array([view.may_read(one) for one in self.readers], dtype=np.bool_)
        shown = open_to_view[self.reader_rows]
        if view.documents is not None:
            wanted = np.array(sorted(view.documents) or [b""], dtype="S16")
            shown &= np.isin(self.documents, wanted)
        return shown[self.rows]


def readers_code(groups: Iterable[UUID]) -> bytes:
    """Return groups as the database keeps them: sixteen bytes each; none for everybody."""
    return b"".join(sorted({group.bytes for group in groups}))


def cut_readers(joined: bytes, sizes: NDArray[np.integer]) -> Sequence[bytes]:
    """Return the codes of passages that the database has strung together."""
    if not joined:
        return [b""] * len(sizes)
    ends = np.cumsum(sizes).tolist()
    starts = [0, *ends[:-1]]
    return [joined[start:end] for start, end in zip(starts, ends, strict=True)]
