"""What search in the documents gives back, as an answer uses it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A numbered piece of a document; the span counts characters of the document's text."""

    number: int
    document_id: UUID
    document_version: int
    passage_id: UUID
    name: str
    url: str | None
    page: int | None
    char_start: int
    char_end: int
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage; the span counts characters of the document's text.

    `score`, 0 to 1, is how well it answers, where search could tell.
    """

    passage_number: int
    char_start: int
    char_end: int
    text: str
    score: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """The passages for one question, best first.

    `relevant` is None when nothing could judge it (there is no reranker).
    """

    passages: Sequence[Passage] = ()
    quotes: Sequence[Quote] = ()
    relevant: bool | None = None
    available: bool = True
    warnings: Sequence[str] = ()

    @property
    def has_answer(self) -> bool:
        """Whether it makes sense to answer from these passages."""
        return bool(self.passages) and self.relevant is not False
