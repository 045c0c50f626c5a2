"""Searching documents, for people and programs."""

import time

from fastapi import APIRouter, Depends

from libs.common.http import errors, rate_limited
from services.documents.domain.errors import (
    AgentNotFound,
    DocumentNotFound,
    EmbeddingUnavailable,
    VectorStoreUnavailable,
)
from services.documents.endpoints.access import Reading
from services.documents.schemas.search import SearchIn, SearchOut, search_reply

router = APIRouter(prefix="/api/v1/search", tags=["search"])


@router.post(
    "/document",
    dependencies=[Depends(rate_limited("search"))],
    responses=errors(AgentNotFound, DocumentNotFound, VectorStoreUnavailable, EmbeddingUnavailable),
)
async def search_document(body: SearchIn, use: Reading) -> SearchOut:
    """Find the chunks of an agent's documents that answer a query best."""
    started = time.perf_counter()
    outcome = await use.search_passages(
        body.query,
        agent_id=body.agent_id,
        limit=body.limit,
        wanted=body.wanted,
        max_tokens=body.max_tokens,
    )
    return search_reply(body, outcome, execution_seconds=time.perf_counter() - started)
