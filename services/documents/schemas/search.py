"""Searches as the API takes and answers them."""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from services.documents.domain.arranging import Stretch, highlights, stretches_of
from services.documents.domain.search import SearchFilter, SearchOutcome

T = TypeVar("T")


class SearchIn(BaseModel):
    """A search of one agent's documents."""

    query: str = Field(min_length=1, max_length=10_000, pattern=r"\S")
    agent_id: UUID
    limit: int = Field(default=10, ge=1, le=50)
    include_content: bool = True
    merge_neighbours: bool = Field(
        default=False, description="Show chunks that follow one another as one result."
    )
    max_tokens: int | None = Field(
        default=None, ge=1, le=1_000_000, description="How long the contents may be together."
    )
    document_ids: list[UUID] | None = Field(
        default=None, max_length=1_000, description="Only in these documents of the agent's."
    )
    document_types: list[str] | None = Field(
        default=None, max_length=50, description="Only in documents of these types: pdf, md, …"
    )
    tags: list[str] | None = Field(
        default=None, max_length=20, description="Only in documents that have all of these tags."
    )
    uploaded_after: AwareDatetime | None = Field(default=None, description="Included itself.")
    uploaded_before: AwareDatetime | None = None

    @property
    def wanted(self) -> SearchFilter:
        """Which documents it is about."""
        return SearchFilter(
            document_ids=_set(self.document_ids),
            document_types=_set(self.document_types),
            tags=_set(self.tags),
            uploaded_after=self.uploaded_after,
            uploaded_before=self.uploaded_before,
        )


class HighlightOut(BaseModel):
    """A word of the content that the query has too; its end is behind its last character."""

    start: int
    end: int


class SearchResultOut(BaseModel):
    """A chunk that answers the query."""

    document_id: UUID
    chunk_id: UUID
    content: str | None
    score: float = Field(description="0 to 1 where a reranker judged it; else a rank score.")
    source_url: str | None
    page: int | None
    heading_path: list[str]
    highlights: list[HighlightOut] = Field(description="Spans of the content.")
    metadata: dict[str, Any]


class SearchOut(BaseModel):
    """What a search found, best first."""

    query: str
    results: list[SearchResultOut]
    total_results: int
    execution_time: float = Field(description="Seconds.")


def search_reply(
    wanted: SearchIn, outcome: SearchOutcome, *, execution_seconds: float
) -> SearchOut:
    """Show what was found."""
    if wanted.merge_neighbours:
        stretches = stretches_of(outcome.passages)
    else:
        stretches = [Stretch(best=one, passages=(one,)) for one in outcome.passages]
    results = [
        _result(stretch, wanted.query, with_content=wanted.include_content) for stretch in stretches
    ]
    return SearchOut(
        query=wanted.query,
        results=results,
        total_results=len(results),
        execution_time=round(execution_seconds, 4),
    )


def _set(given: Iterable[T] | None) -> frozenset[T] | None:
    return None if given is None else frozenset(given)


def _result(stretch: Stretch, query: str, *, with_content: bool) -> SearchResultOut:
    passage = stretch.best
    first, last = stretch.passages[0], stretch.passages[-1]
    score = passage.score if passage.rerank_score is None else passage.rerank_score
    return SearchResultOut(
        document_id=passage.document_id,
        chunk_id=passage.passage_id,
        content=stretch.text if with_content else None,
        score=round(score, 6),
        source_url=passage.url,
        page=passage.page,
        heading_path=list(passage.heading_path),
        highlights=[
            HighlightOut(start=start, end=end)
            for start, end in (highlights(query, stretch.text) if with_content else ())
        ],
        metadata={
            "document_name": passage.document_name,
            "filename": passage.document_name,
            "chunk_index": passage.position,
            "chunk_ids": [str(one.passage_id) for one in stretch.passages],
            "page": passage.page,
            "heading_path": list(passage.heading_path),
            "char_start": first.char_start,
            "char_end": last.char_end,
            "document_version": passage.document_version,
        },
    )
