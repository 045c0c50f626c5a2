"""What is pgvector's alone; what both stores promise is in `test_vector_stores`."""

import threading
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from libs.common.database import Database
from services.documents.adapters.vectors.pgvector import PgVectorStore
from services.documents.adapters.vectors.resident import Digests, ResidentIndex
from services.documents.adapters.vectors.statements import DIMENSIONS, hnsw_index_statement
from services.documents.domain.errors import EmbeddingRejected, VectorStoreUnavailable
from services.documents.domain.ports import EmbeddingSpace
from services.documents.domain.readers import EVERYTHING
from tests.documents.adapters.vectors.points import (
    SPACE,
    direction,
    found,
    points_of,
)

TEXTS = [("refund", "Refunds."), ("shipping", "Shipping.")]


class TestPgVectorStore:
    async def test_another_tenants_rows_are_out_of_reach(self, database: Database) -> None:
        acme, globex, agent = uuid4(), uuid4(), uuid4()
        await PgVectorStore(database).upsert(acme, SPACE, points_of(acme, TEXTS, agent_id=agent))

        for table in ("vectors_384", "passage_digests", "knowledge_generations"):
            async with database.lean(globex) as connection:
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0
            async with database.platform() as connection:
                assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0

    async def test_a_tenants_index_does_not_serve_another(self, database: Database) -> None:
        acme, globex, agent = uuid4(), uuid4(), uuid4()
        store = PgVectorStore(database)
        await store.upsert(acme, SPACE, points_of(acme, TEXTS, agent_id=agent))
        assert len(await found(store, acme, agent_id=agent)) == 2

        assert await found(store, globex, agent_id=agent) == []

    async def test_the_caller_may_lend_its_transaction(self, database: Database) -> None:
        acme, agent = uuid4(), uuid4()
        store = PgVectorStore(database)
        points = points_of(acme, TEXTS, agent_id=agent)
        await store.upsert(acme, SPACE, points)

        async with database.lean(acme) as connection:
            hits = await store.search(
                acme,
                SPACE,
                agent_id=agent,
                reader=EVERYTHING,
                vector=direction("refund"),
                terms=["refund"],
                limit=1,
                connection=connection,
            )

        assert [hit.passage_id for hit in hits] == [points[0].id]

    async def test_processes_see_each_others_changes(self, database: Database) -> None:
        acme, agent = uuid4(), uuid4()
        web, worker = PgVectorStore(database), PgVectorStore(database)
        assert await found(web, acme, agent_id=agent) == []
        gone, kept = (points_of(acme, [text], agent_id=agent)[0] for text in TEXTS)

        await worker.upsert(acme, SPACE, [gone, kept])
        assert len(await found(web, acme, agent_id=agent)) == 2
        await worker.delete_document(acme, gone.document_id)

        assert await found(web, acme, agent_id=agent) == [kept.id]

    async def test_a_large_agents_small_changes_leave_the_loop_alone(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        acme, agent = uuid4(), uuid4()
        store = PgVectorStore(database)
        monkeypatch.setattr("services.documents.adapters.vectors.pgvector._THREAD_ABOVE", 2)
        await store.upsert(acme, SPACE, points_of(acme, TEXTS, agent_id=agent))
        await found(store, acme, agent_id=agent)
        in_loop = []
        learned = ResidentIndex.learned

        def noting(index: ResidentIndex, new: Digests, **more: Any) -> ResidentIndex:
            in_loop.append(threading.current_thread() is threading.main_thread())
            return learned(index, new, **more)

        monkeypatch.setattr(ResidentIndex, "learned", noting)
        await store.upsert(acme, SPACE, points_of(acme, [("warranty", "More.")], agent_id=agent))

        assert len(await found(store, acme, agent_id=agent)) == 3
        assert in_loop == [False]

    async def test_an_agent_too_large_to_keep_is_searched_in_the_table(
        self, database: Database
    ) -> None:
        acme, agent = uuid4(), uuid4()
        store = PgVectorStore(database, max_resident_passages=1)
        points = points_of(acme, TEXTS, agent_id=agent)
        await store.upsert(acme, SPACE, points)

        assert await found(store, acme, agent_id=agent, topic="shipping") == [
            points[1].id,
            points[0].id,
        ]

    async def test_agents_asked_long_ago_are_forgotten(self, database: Database) -> None:
        acme = uuid4()
        store = PgVectorStore(database, resident_bytes=1)
        for agent in (uuid4(), uuid4()):
            await store.upsert(acme, SPACE, points_of(acme, TEXTS, agent_id=agent))
            assert len(await found(store, acme, agent_id=agent)) == 2

        assert len(store._indexes) == 1

    @pytest.mark.parametrize("dimension", DIMENSIONS)
    async def test_every_dimension_has_a_table(self, database: Database, dimension: int) -> None:
        acme, agent = uuid4(), uuid4()
        space = EmbeddingSpace(model="m", dimension=dimension)
        vector = np.ones(dimension, dtype=np.float32) / np.sqrt(dimension).astype(np.float32)
        points = points_of(acme, TEXTS[:1], agent_id=agent)
        object.__setattr__(points[0], "vector", vector)
        for store in (
            PgVectorStore(database),
            PgVectorStore(database, max_resident_passages=0),
        ):
            await store.upsert(acme, space, points)
            hits = await store.search(
                acme, space, agent_id=agent, reader=EVERYTHING, vector=vector, terms=[], limit=1
            )
            assert [hit.passage_id for hit in hits] == [points[0].id]

        assert await store.delete_document(acme, points[0].document_id) == 1

    async def test_other_dimensions_are_refused(self, database: Database) -> None:
        space = EmbeddingSpace(model="m", dimension=100)

        with pytest.raises(EmbeddingRejected, match="100"):
            await PgVectorStore(database).upsert(uuid4(), space, [])

    async def test_an_outage_is_the_stores(self, database: Database) -> None:
        await database.close()

        with pytest.raises((VectorStoreUnavailable, RuntimeError)):
            await found(PgVectorStore(database), uuid4())


class TestHnswIndexStatement:
    def test_names_its_table(self) -> None:
        assert "vectors_3072 USING hnsw (embedding halfvec_ip_ops)" in hnsw_index_statement(3072)

    def test_knows_the_tables(self) -> None:
        with pytest.raises(ValueError, match="100"):
            hnsw_index_statement(100)
