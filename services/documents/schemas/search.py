"""Searches as the API takes and answers them."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.documents.domain.search import FoundPassage, SearchOutcome


class SearchIn(BaseModel):
    """A search of one agent's documents."""

    query: str = Field(min_length=1, max_length=10_000, pattern=r"\S")
    agent_id: UUID
    limit: int = Field(default=10, ge=1, le=50)
    include_content: bool = True


class SearchResultOut(BaseModel):
    """A chunk that answers the query."""

    document_id: UUID
    chunk_id: UUID
    content: str | None
    score: float = Field(description="0 to 1 where a reranker judged it; else a rank score.")
    source_url: str | None
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
    results = [
        _result(passage, with_content=wanted.include_content) for passage in outcome.passages
    ]
    return SearchOut(
        query=wanted.query,
        results=results,
        total_results=len(results),
        execution_time=round(execution_seconds, 4),
    )


def _result(passage: FoundPassage, *, with_content: bool) -> SearchResultOut:
    score = passage.score if passage.rerank_score is None else passage.rerank_score
    return SearchResultOut(
        document_id=passage.document_id,
        chunk_id=passage.passage_id,
        content=passage.text if with_content else None,
        score=round(score, 6),
        source_url=passage.url,
        metadata={
            "document_name": passage.document_name,
            "filename": passage.document_name,
            "chunk_index": passage.position,
            "page": passage.page,
            "heading_path": list(passage.heading_path),
            "char_start": passage.char_start,
            "char_end": passage.char_end,
            "document_version": passage.document_version,
        },
    )
