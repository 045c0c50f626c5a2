"""What a search asks for and gives back."""

from dataclasses import dataclass, field
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
