"""Both vector stores, one after the other."""

import warnings
from collections.abc import AsyncIterator

import pytest
from qdrant_client import AsyncQdrantClient

from libs.common.database import Database
from services.documents.adapters.vectors.pgvector import PgVectorStore
from services.documents.adapters.vectors.qdrant import QdrantStore
from services.documents.domain.ports import VectorStore


@pytest.fixture(params=["pgvector", "qdrant"])
async def store(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[VectorStore]:
    if request.param == "pgvector":
        yield PgVectorStore(database)
        return
    with warnings.catch_warnings():
        # Its in-memory form has no payload indexes and says so.
        warnings.simplefilter("ignore", UserWarning)
        client = AsyncQdrantClient(":memory:")
        yield QdrantStore(client)
        await client.close()
