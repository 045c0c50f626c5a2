"""Vectors in Qdrant: a collection per embedding space, tenants told apart in every call.

Qdrant has no rows of its own to guard, so this module is the guard: no other code builds a
filter, and none is built without a tenant. Loading the client takes 0.5 s and 60 MB, so wiring
imports this module only when a Qdrant is configured.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import httpx
from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException

from services.documents.adapters.vectors.ranking import ranks, reciprocal_rank, term_id
from services.documents.domain.errors import VectorStoreUnavailable
from services.documents.domain.ports import EmbeddingSpace, VectorHit, VectorPoint, Vectors
from services.documents.domain.readers import Reader

TIMEOUT_SECONDS: Final = 10
CANDIDATES: Final = 50
BATCH_SIZE: Final = 256

_PREFIX: Final = "knowrithm"
_DENSE: Final = "dense"
_SPARSE: Final = "terms"
# BM25's share of a term in a passage; its share of the collection is Qdrant's IDF modifier. The
# average length is a guess that must not change later, or old and new weights would not compare.
_K1: Final = 1.2
_B: Final = 0.75
_AVERAGE_TERMS: Final = 150.0


def open_client(url: str, *, api_key: str | None) -> AsyncQdrantClient:
    """Return a client; it connects when it is first used."""
    return AsyncQdrantClient(
        url=url, api_key=api_key, timeout=TIMEOUT_SECONDS, check_compatibility=False
    )


class QdrantStore:
    """Fulfils `VectorStore`.

    Args:
        client: Closed by whoever opened it.
    """

    def __init__(self, client: AsyncQdrantClient) -> None:
        self.client = client
        self._ready: set[str] = set()

    async def upsert(
        self, tenant_id: UUID, space: EmbeddingSpace, points: Sequence[VectorPoint]
    ) -> None:
        """Add the points; those with a known id are replaced."""
        if not points:
            return
        _require(tenant_id)
        async with self._told(space):
            alias = await self._collection(space)
            for start in range(0, len(points), BATCH_SIZE):
                batch = points[start : start + BATCH_SIZE]
                await self.client.upsert(
                    alias, [_structure(tenant_id, point) for point in batch], wait=True
                )

    async def search(
        self,
        tenant_id: UUID,
        space: EmbeddingSpace,
        *,
        agent_id: UUID | None,
        reader: Reader,
        document_ids: frozenset[UUID] | None = None,
        vector: Vectors,
        terms: Sequence[str],
        limit: int,
    ) -> list[VectorHit]:
        """Return the best hits of dense and sparse search, fused by reciprocal rank.

        Both searches go in one request. They are fused here and not by Qdrant, whose fused answer
        does not tell the ranks.
        """
        narrowed: list[models.Condition] = []
        if agent_id is not None:
            narrowed.append(equals("agent_id", str(agent_id)))
        if document_ids is not None:
            narrowed.append(any_of("document_id", map(str, document_ids)))
        if reader.groups is not None:
            narrowed.append(_readable_by(reader.groups))
        where = tenant_filter(tenant_id, *narrowed)
        candidates = max(CANDIDATES, 2 * limit)
        requests = [
            models.QueryRequest(
                query=vector.tolist(),
                using=_DENSE,
                filter=where,
                limit=candidates,
                with_payload=["document_id", "document_version"],
            )
        ]
        if ids := sorted({term_id(term) for term in terms}):
            requests.append(
                models.QueryRequest(
                    query=models.SparseVector(indices=ids, values=[1.0] * len(ids)),
                    using=_SPARSE,
                    filter=where,
                    limit=candidates,
                    with_payload=["document_id", "document_version"],
                )
            )
        async with self._told(space):
            alias = await self._collection(space)
            answers = await self.client.query_batch_points(alias, requests)
        dense = answers[0].points
        sparse = answers[1].points if len(answers) > 1 else []
        return _fused(dense, sparse, limit=limit)

    async def delete_document(
        self, tenant_id: UUID, document_id: UUID, *, keep_versions: Collection[int] = ()
    ) -> int:
        """Delete a document's points, save those of `keep_versions`; return how many."""
        where = tenant_filter(tenant_id, equals("document_id", str(document_id)))
        where.must_not = [equals("document_version", version) for version in keep_versions]
        deleted = 0
        async with outages_told():
            for name in await collections(self.client):
                deleted += (await self.client.count(name, where, exact=True)).count
                await self.client.delete(name, models.FilterSelector(filter=where), wait=True)
        return deleted

    async def set_groups(self, tenant_id: UUID, document_id: UUID, groups: Sequence[UUID]) -> None:
        """Change who may read a document's points."""
        where = tenant_filter(tenant_id, equals("document_id", str(document_id)))
        async with outages_told():
            for name in await collections(self.client):
                await self.client.set_payload(
                    name, {"groups": sorted(map(str, groups))}, models.FilterSelector(filter=where)
                )

    async def count(self, tenant_id: UUID, document_id: UUID) -> int:
        """Return how many points of a document are stored, over all versions."""
        where = tenant_filter(tenant_id, equals("document_id", str(document_id)))
        async with outages_told():
            counts = [
                (await self.client.count(name, where, exact=True)).count
                for name in await collections(self.client)
            ]
        return sum(counts)

    async def count_tenant(self, tenant_id: UUID) -> int:
        """Return how many points a tenant has, in all collections."""
        where = tenant_filter(tenant_id)
        async with outages_told():
            counts = [
                (await self.client.count(name, where, exact=True)).count
                for name in await collections(self.client)
            ]
        return sum(counts)

    async def erase_tenant(self, tenant_id: UUID) -> None:
        """Delete all points of a tenant, for good."""
        where = tenant_filter(tenant_id)
        async with outages_told():
            for name in await collections(self.client):
                await self.client.delete(name, models.FilterSelector(filter=where), wait=True)

    @asynccontextmanager
    async def _told(self, space: EmbeddingSpace) -> AsyncIterator[None]:
        try:
            async with outages_told():
                yield
        except VectorStoreUnavailable:
            # Perhaps the collection itself is gone: the next call looks, and makes it again.
            self._ready.discard(collection_name(space))
            raise

    async def _collection(self, space: EmbeddingSpace) -> str:
        """Return the alias of the space's live collection, which is made when it is missing."""
        alias = collection_name(space)
        if alias in self._ready:
            return alias
        name = f"{alias}_1"
        aliases = {one.alias_name for one in (await self.client.get_aliases()).aliases}
        if alias not in aliases:
            if not await self.client.collection_exists(name):
                await self._create(name, space)
            await self.client.update_collection_aliases(
                [
                    models.CreateAliasOperation(
                        create_alias=models.CreateAlias(collection_name=name, alias_name=alias)
                    )
                ]
            )
        # A collection of an older version lacks this one; asked for twice, it stays.
        await self.client.create_payload_index(
            name, "groups", models.PayloadSchemaType.KEYWORD, wait=False
        )
        self._ready.add(alias)
        return alias

    async def _create(self, name: str, space: EmbeddingSpace) -> None:
        try:
            await self.client.create_collection(
                name,
                vectors_config={
                    _DENSE: models.VectorParams(
                        size=space.dimension, distance=models.Distance.COSINE, on_disk=True
                    )
                },
                sparse_vectors_config={
                    _SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)
                },
                # A graph for each tenant, none over all: no search goes beyond a tenant.
                hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
                quantization_config=models.ScalarQuantization(
                    scalar=models.ScalarQuantizationConfig(
                        type=models.ScalarType.INT8, always_ram=True
                    )
                ),
            )
        except (ApiException, ValueError):
            # Another worker was faster, or else the next call tells what is wrong.
            if not await self.client.collection_exists(name):
                raise
        await self.client.create_payload_index(
            name,
            "tenant_id",
            models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True),
        )
        for field in ("agent_id", "document_id"):
            await self.client.create_payload_index(name, field, models.PayloadSchemaType.KEYWORD)


async def collections(client: AsyncQdrantClient) -> list[str]:
    """Return the names of all our collections, one for each space."""
    found = (await client.get_collections()).collections
    return [one.name for one in found if one.name.startswith(f"{_PREFIX}_")]


def collection_name(space: EmbeddingSpace) -> str:
    """Return the alias of a space: readable, and different for different spaces."""
    slug = re.sub(r"[^a-z0-9]+", "-", space.model.lower()).strip("-")[:60]
    digest = hashlib.sha256(space.name.encode("utf-8")).hexdigest()[:8]
    return f"{_PREFIX}_{slug}_{space.dimension}_{digest}"


def _structure(tenant_id: UUID, point: VectorPoint) -> models.PointStruct:
    weights: dict[int, float] = {}
    length = sum(point.terms.values())
    norm = _K1 * (1 - _B + _B * length / _AVERAGE_TERMS)
    for term, count in point.terms.items():
        weights[term_id(term)] = count * (_K1 + 1) / (count + norm)
    return models.PointStruct(
        id=str(point.id),
        vector={
            _DENSE: point.vector.tolist(),
            _SPARSE: models.SparseVector(
                indices=list(weights), values=[round(weight, 4) for weight in weights.values()]
            ),
        },
        payload={
            "tenant_id": str(tenant_id),
            "agent_id": str(point.agent_id),
            "document_id": str(point.document_id),
            "document_version": point.document_version,
            "position": point.position,
            "groups": sorted(map(str, point.groups)),
        },
    )


def tenant_filter(tenant_id: UUID, *conditions: models.Condition) -> models.Filter:
    """Return the only kind of filter there is: one that begins with the tenant."""
    _require(tenant_id)
    return models.Filter(must=[equals("tenant_id", str(tenant_id)), *conditions])


def _require(tenant_id: UUID) -> None:
    if not isinstance(tenant_id, UUID):
        raise TypeError("the vector store is not asked without a tenant")


def equals(key: str, value: str | int) -> models.FieldCondition:
    """Return the condition that a payload field has this value."""
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _readable_by(groups: frozenset[UUID]) -> models.Filter:
    """Return the condition that a point is for everybody, or for one of these groups."""
    everybody = models.IsEmptyCondition(is_empty=models.PayloadField(key="groups"))
    if not groups:
        return models.Filter(must=[everybody])
    return models.Filter(should=[everybody, any_of("groups", sorted(map(str, groups)))])


def any_of(key: str, values: Iterable[str]) -> models.FieldCondition:
    """Return the condition that a payload field has one of these values."""
    return models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))


def _fused(
    dense: Sequence[models.ScoredPoint], sparse: Sequence[models.ScoredPoint], *, limit: int
) -> list[VectorHit]:
    dense_ranks = ranks([str(point.id) for point in dense])
    sparse_ranks = ranks([str(point.id) for point in sparse])
    found = {str(point.id): point.payload or {} for point in (*dense, *sparse)}
    hits = [
        VectorHit(
            passage_id=UUID(id_),
            document_id=UUID(payload["document_id"]),
            document_version=int(payload["document_version"]),
            score=reciprocal_rank(dense_ranks.get(id_)) + reciprocal_rank(sparse_ranks.get(id_)),
            dense_rank=dense_ranks.get(id_),
            sparse_rank=sparse_ranks.get(id_),
        )
        for id_, payload in found.items()
    ]
    hits.sort(key=lambda hit: (-hit.score, hit.dense_rank or len(found) + 1, hit.passage_id))
    return hits[:limit]


@asynccontextmanager
async def outages_told() -> AsyncIterator[None]:
    """Turn the client's errors into ours."""
    try:
        yield
    except (ApiException, ResponseHandlingException, httpx.HTTPError, OSError) as error:
        raise VectorStoreUnavailable(retry_after_seconds=2) from error
