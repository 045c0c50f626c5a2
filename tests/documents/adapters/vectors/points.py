"""Points for vector stores, and the searches that find them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import numpy as np

from services.documents.domain.ports import (
    EmbeddingSpace,
    VectorHit,
    VectorPoint,
    Vectors,
    VectorStore,
    passage_id,
)
from services.documents.domain.readers import EVERYTHING, Reader
from services.documents.domain.terms import terms_of

SPACE = EmbeddingSpace(model="bge-small-en-v1.5", dimension=384)
TOPICS = ("refund", "shipping", "warranty", "invoice")


def direction(topic: str, *, noise: int = 0) -> Vectors:
    """Return a unit vector that is like those of the same topic and unlike all others."""
    base = np.random.default_rng(TOPICS.index(topic)).normal(size=384)
    vector = base + np.random.default_rng(1000 + noise).normal(size=384) * (0.1 if noise else 0)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def points_of(
    tenant_id: UUID,
    texts: Sequence[tuple[str, str]],
    *,
    agent_id: UUID,
    document_id: UUID | None = None,
    version: int = 1,
    groups: tuple[UUID, ...] = (),
) -> list[VectorPoint]:
    """Make a document's points from (topic, text) pairs."""
    document_id = document_id or uuid4()
    return [
        VectorPoint(
            id=passage_id(tenant_id, document_id, version=version, position=position),
            document_id=document_id,
            document_version=version,
            agent_id=agent_id,
            position=position,
            vector=direction(topic, noise=position + 1),
            terms=terms_of(text),
            groups=groups,
        )
        for position, (topic, text) in enumerate(texts)
    ]


async def hits_of(
    store: VectorStore,
    tenant_id: UUID,
    *,
    agent_id: UUID | None = None,
    reader: Reader = EVERYTHING,
    document_ids: frozenset[UUID] | None = None,
    topic: str = "refund",
    words: str = "",
    limit: int = 10,
    space: EmbeddingSpace = SPACE,
) -> list[VectorHit]:
    """Search for a topic and for words."""
    return await store.search(
        tenant_id,
        space,
        agent_id=agent_id,
        reader=reader,
        document_ids=document_ids,
        vector=direction(topic),
        terms=list(terms_of(words)),
        limit=limit,
    )


async def found(store: VectorStore, tenant_id: UUID, **search: Any) -> list[UUID]:
    """Return the ids of `hits_of`."""
    return [hit.passage_id for hit in await hits_of(store, tenant_id, **search)]
