"""What a search asks for and gives back."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

# How many candidates a reranker reads: it costs a model pass for each.
RERANK_CANDIDATES = 10


@dataclass(frozen=True, kw_only=True)
class FoundPassage:
    """A passage that search may show: checked against PostgreSQL, best first, from number 1."""

    number: int
    passage_id: UUID
    document_id: UUID
    document_version: int
    document_name: str
    url: str | None
    position: int
    page: int | None
    heading_path: tuple[str, ...]
    char_start: int
    char_end: int
    text: str
    score: float
    rerank_score: float | None = None


@dataclass(frozen=True, kw_only=True)
class SearchFilter:
    """Which documents a search is about; what is None does not narrow it.

    `tags` are all wanted; `uploaded_after` and `uploaded_before` are moments, the first included.
    """

    document_ids: frozenset[UUID] | None = None
    document_types: frozenset[str] | None = None
    tags: frozenset[str] | None = None
    uploaded_after: datetime | None = None
    uploaded_before: datetime | None = None

    @property
    def asks_the_rows(self) -> bool:
        """Whether documents must be looked up to know which it means."""
        return any(
            one is not None
            for one in (
                self.document_ids,
                self.document_types,
                self.tags,
                self.uploaded_after,
                self.uploaded_before,
            )
        )


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A sentence of a found passage; its span is one of the document's text."""

    passage_number: int
    char_start: int
    char_end: int
    text: str
    score: float


@dataclass(frozen=True, kw_only=True)
class SearchOutcome:
    """What was found, and whether it deserves trust.

    `relevant` says whether the best passage passed the reranker's gate; None without a
    reranker. `knowledge_available` is False when the vector store or the embedding model is
    out of reach: then finding nothing means nothing.
    """

    passages: tuple[FoundPassage, ...] = ()
    quotes: tuple[Quote, ...] = ()
    relevant: bool | None = None
    best_score: float | None = None
    knowledge_available: bool = True
    warnings: tuple[str, ...] = field(default=())
