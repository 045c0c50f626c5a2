"""One suite for what both stores tell of what they hold."""

import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from qdrant_client import AsyncQdrantClient

from libs.common.database import Database
from services.documents.adapters.vectors.pgvector import PgVectorStore
from services.documents.adapters.vectors.pgvector_inventory import PgVectorInventory
from services.documents.adapters.vectors.qdrant import QdrantStore
from services.documents.adapters.vectors.qdrant_inventory import QdrantInventory
from services.documents.domain.ports import EmbeddingSpace, VectorStore
from services.documents.domain.readers import EVERYTHING
from services.documents.domain.reconciling import VectorInventory
from tests.documents.adapters.vectors.points import SPACE, direction, points_of

OTHER_SPACE = EmbeddingSpace(model="all-minilm-l6-v2", dimension=384)


@dataclass
class Stock:
    """A store, and what tells of it."""

    store: VectorStore
    inventory: VectorInventory

    async def documents(self, tenant_id: UUID) -> set[UUID]:
        return {id_ async for batch in self.inventory.documents(tenant_id) for id_ in batch}


@pytest.fixture(params=["pgvector", "qdrant"])
async def stock(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Stock]:
    if request.param == "pgvector":
        yield Stock(PgVectorStore(database), PgVectorInventory(database))
        return
    with warnings.catch_warnings():
        # Its in-memory form has no payload indexes and says so.
        warnings.simplefilter("ignore", UserWarning)
        client = AsyncQdrantClient(":memory:")
        yield Stock(QdrantStore(client), QdrantInventory(client))
        await client.close()


class TestInventories:
    async def test_tell_and_delete_of_one_tenant_only(self, stock: Stock) -> None:
        acme, globex, agent = uuid4(), uuid4(), uuid4()
        own = points_of(acme, [("refund", "One."), ("refund", "Two.")], agent_id=agent)
        foreign = points_of(globex, [("refund", "One.")], agent_id=agent)
        await stock.store.upsert(acme, SPACE, own)
        await stock.store.upsert(globex, SPACE, foreign)
        document, foreign_document = own[0].document_id, foreign[0].document_id

        assert await stock.documents(acme) == {document}
        told = await stock.inventory.points_of(acme, [document, foreign_document])
        assert {point.id for point in told} == {point.id for point in own}

        theirs = await stock.inventory.points_of(globex, [foreign_document])
        await stock.inventory.delete(acme, theirs)
        assert await stock.store.count(globex, foreign_document) == 1

    async def test_a_point_says_where_it_is(self, stock: Stock) -> None:
        acme, agent = uuid4(), uuid4()
        points = points_of(acme, [("refund", "One.")], agent_id=agent, version=3)
        await stock.store.upsert(acme, SPACE, points)
        await stock.store.upsert(acme, OTHER_SPACE, points)

        told = await stock.inventory.points_of(acme, [points[0].document_id])

        assert {point.space for point in told} == {
            stock.inventory.label(SPACE),
            stock.inventory.label(OTHER_SPACE),
        }
        assert {(point.id, point.document_version, point.whole) for point in told} == {
            (points[0].id, 3, True)
        }

    async def test_a_deletion_is_of_one_space_and_seen_at_once(self, stock: Stock) -> None:
        acme, agent = uuid4(), uuid4()
        points = points_of(acme, [("refund", "One."), ("refund", "Two.")], agent_id=agent)
        await stock.store.upsert(acme, SPACE, points)
        await stock.store.upsert(acme, OTHER_SPACE, points)
        for space in (SPACE, OTHER_SPACE):  # what pgvector keeps in memory must hear of it
            await self._found(stock, acme, agent, space)

        told = await stock.inventory.points_of(acme, [points[0].document_id])
        gone = [
            point
            for point in told
            if point.id == points[0].id and point.space == stock.inventory.label(SPACE)
        ]
        await stock.inventory.delete(acme, gone)

        assert await self._found(stock, acme, agent, SPACE) == {points[1].id}
        assert await self._found(stock, acme, agent, OTHER_SPACE) == {one.id for one in points}

    @staticmethod
    async def _found(stock: Stock, tenant: UUID, agent: UUID, space: EmbeddingSpace) -> set[UUID]:
        hits = await stock.store.search(
            tenant,
            space,
            agent_id=agent,
            reader=EVERYTHING,
            vector=direction("refund"),
            terms=[],
            limit=9,
        )
        return {hit.passage_id for hit in hits}

    async def test_a_store_with_tenants_of_its_own_names_them(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            client = AsyncQdrantClient(":memory:")
            acme = uuid4()
            points = points_of(acme, [("refund", "One.")], agent_id=uuid4())
            await QdrantStore(client).upsert(acme, SPACE, points)

            assert await QdrantInventory(client).tenants() == {acme}
            await client.close()
