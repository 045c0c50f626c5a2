"""What a Qdrant holds, for the reconciler."""

from collections.abc import AsyncIterator, Sequence
from typing import Final
from uuid import UUID

from qdrant_client import AsyncQdrantClient, models

from services.documents.adapters.vectors.qdrant import (
    any_of,
    collection_name,
    collections,
    outages_told,
    tenant_filter,
)
from services.documents.domain.ports import EmbeddingSpace
from services.documents.domain.reconciling import StoredPoint

PAGE_SIZE: Final = 2_000
BATCH_SIZE: Final = 200
MAX_TENANTS: Final = 1_000_000


class QdrantInventory:
    """Fulfils `VectorInventory`.

    Args:
        client: Closed by whoever opened it.
    """

    def __init__(self, client: AsyncQdrantClient) -> None:
        self._client = client

    def label(self, space: EmbeddingSpace) -> str:
        """Return the alias of the space's collection."""
        return collection_name(space)

    async def tenants(self) -> set[UUID]:
        """Return the tenants of all points."""
        found: set[UUID] = set()
        async with outages_told():
            for name in await collections(self._client):
                facet = await self._client.facet(name, "tenant_id", limit=MAX_TENANTS, exact=True)
                found |= {UUID(str(hit.value)) for hit in facet.hits}
        return found

    async def documents(self, tenant_id: UUID) -> AsyncIterator[Sequence[UUID]]:
        """Yield the documents that have points, in the order in which they are met."""
        seen: set[UUID] = set()
        batch: list[UUID] = []
        async for _, record in self._scroll(tenant_filter(tenant_id), ["document_id"]):
            document_id = UUID((record.payload or {})["document_id"])
            if document_id in seen:
                continue
            seen.add(document_id)
            batch.append(document_id)
            if len(batch) >= BATCH_SIZE:
                yield batch
                batch = []
        if batch:
            yield batch

    async def points_of(
        self, tenant_id: UUID, document_ids: Sequence[UUID]
    ) -> Sequence[StoredPoint]:
        """Return all points of some documents."""
        where = tenant_filter(tenant_id, any_of("document_id", map(str, document_ids)))
        points = []
        async for name, record in self._scroll(where, ["document_id", "document_version"]):
            payload = record.payload or {}
            points.append(
                StoredPoint(
                    id=UUID(str(record.id)),
                    document_id=UUID(payload["document_id"]),
                    document_version=int(payload["document_version"]),
                    # A collection is its alias and a number.
                    space=name.rpartition("_")[0],
                )
            )
        return points

    async def delete(self, tenant_id: UUID, points: Sequence[StoredPoint]) -> None:
        """Delete points."""
        by_space: dict[str, list[str]] = {}
        for point in points:
            by_space.setdefault(point.space, []).append(str(point.id))
        async with outages_told():
            for alias, ids in by_space.items():
                where = tenant_filter(
                    tenant_id,
                    models.HasIdCondition(has_id=list[int | str | UUID](ids)),
                )
                selector = models.FilterSelector(filter=where)
                await self._client.delete(alias, selector, wait=True)

    async def _scroll(
        self, where: models.Filter, payload: list[str]
    ) -> AsyncIterator[tuple[str, models.Record]]:
        async with outages_told():
            names = await collections(self._client)
        for name in names:
            offset = None
            while True:
                async with outages_told():
                    records, offset = await self._client.scroll(
                        name, where, limit=PAGE_SIZE, offset=offset, with_payload=payload
                    )
                for record in records:
                    yield name, record
                if offset is None:
                    break
