"""What other services ask of documents. The gateway does not route here."""

from typing import Annotated, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Body
from pydantic import BaseModel, Field
from starlette.responses import Response

from libs.common.http import errors
from services.documents.domain.errors import (
    AgentNotFound,
    EmbeddingRejected,
    EmbeddingUnavailable,
    VectorStoreUnavailable,
)
from services.documents.domain.readers import Reader
from services.documents.domain.search import SearchOutcome
from services.documents.endpoints.access import Internal
from services.documents.endpoints.lean_search import SearchRoute

router = APIRouter(
    prefix="/internal", tags=["internal"], include_in_schema=False, route_class=SearchRoute
)

_OUT_OF_REACH: Final = (VectorStoreUnavailable, EmbeddingUnavailable, EmbeddingRejected)


class InternalSearchIn(BaseModel):
    """A question of the conversations service."""

    agent_id: UUID
    query: str
    limit: int = Field(default=5, ge=1, le=50)
    quotes: int = Field(default=0, ge=0, le=20)
    rerank: bool = True
    groups: list[UUID] = Field(
        default=[], description="Those of the person who asks; an anonymous one has none."
    )


@router.post("/search", responses=errors(AgentNotFound))
async def search(body: Annotated[InternalSearchIn, Body()], use: Internal) -> Response:
    """Find passages and quotes; a knowledge base out of reach is an answer, not an error."""
    try:
        outcome = await use(Reader(groups=frozenset(body.groups))).search_passages(
            body.query,
            agent_id=body.agent_id,
            limit=body.limit,
            quotes=body.quotes,
            rerank=body.rerank,
        )
    except _OUT_OF_REACH as error:
        outcome = SearchOutcome(knowledge_available=False, warnings=(error.code,))
    # On the path of every question: dataclasses straight to bytes, no response model. asyncpg's
    # ids are a subclass of UUID, which orjson does not know.
    return Response(orjson.dumps(outcome, default=str), media_type="application/json")
