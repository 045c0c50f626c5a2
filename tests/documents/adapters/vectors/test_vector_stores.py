"""One suite for both stores: what `VectorStore` promises, whichever fulfils it."""

import inspect
import warnings
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient

from libs.common.database import Database
from services.documents.adapters.vectors.pgvector import PgVectorStore
from services.documents.adapters.vectors.qdrant import QdrantStore
from services.documents.domain.ports import (
    EmbeddingSpace,
    VectorPoint,
    Vectors,
    VectorStore,
    passage_id,
)
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
        )
        for position, (topic, text) in enumerate(texts)
    ]


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


async def found(
    store: VectorStore,
    tenant_id: UUID,
    *,
    agent_id: UUID | None = None,
    topic: str = "refund",
    words: str = "",
    limit: int = 10,
    space: EmbeddingSpace = SPACE,
) -> list[UUID]:
    """Search and return the ids of the hits."""
    hits = await store.search(
        tenant_id,
        space,
        agent_id=agent_id,
        vector=direction(topic),
        terms=list(terms_of(words)),
        limit=limit,
    )
    return [hit.passage_id for hit in hits]


class TestTenants:
    async def test_search_finds_own_passages_only(self, store: VectorStore) -> None:
        acme, globex, agent = uuid4(), uuid4(), uuid4()
        own = points_of(acme, [("refund", "Refunds take thirty days.")], agent_id=agent)
        foreign = points_of(globex, [("refund", "Refunds take thirty days.")], agent_id=agent)
        await store.upsert(acme, SPACE, own)
        await store.upsert(globex, SPACE, foreign)

        for _ in range(2):  # the second search of pgvector is answered from memory
            assert await found(store, acme, agent_id=agent, words="refunds") == [own[0].id]
            assert await found(store, acme, words="refunds") == [own[0].id]
            assert await found(store, globex, words="refunds") == [foreign[0].id]

    async def test_nobody_deletes_or_counts_anothers(self, store: VectorStore) -> None:
        acme, globex, agent = uuid4(), uuid4(), uuid4()
        own = points_of(acme, [("refund", "Refunds take thirty days.")], agent_id=agent)
        await store.upsert(acme, SPACE, own)

        assert await store.count(globex, own[0].document_id) == 0
        assert await store.delete_document(globex, own[0].document_id) == 0
        await store.delete_passages(globex, [own[0].id])

        assert await store.count(acme, own[0].document_id) == 1
        assert await found(store, acme) == [own[0].id]

    async def test_an_unknown_tenant_finds_nothing(self, store: VectorStore) -> None:
        assert await found(store, uuid4(), words="refunds") == []


class TestSearch:
    async def test_one_agent_does_not_see_anothers_documents(self, store: VectorStore) -> None:
        acme, sales, support = uuid4(), uuid4(), uuid4()
        ours = points_of(acme, [("refund", "Refunds for sales.")], agent_id=sales)
        theirs = points_of(acme, [("refund", "Refunds for support.")], agent_id=support)
        await store.upsert(acme, SPACE, [*ours, *theirs])

        assert await found(store, acme, agent_id=sales, words="refunds") == [ours[0].id]
        assert set(await found(store, acme, words="refunds")) == {ours[0].id, theirs[0].id}

    async def test_meaning_decides_where_no_word_matches(self, store: VectorStore) -> None:
        acme, agent = uuid4(), uuid4()
        texts = [(topic, f"About {topic}.") for topic in TOPICS]
        points = points_of(acme, texts, agent_id=agent)
        await store.upsert(acme, SPACE, points)

        best = await found(store, acme, topic="warranty", words="money back", limit=1)

        assert best == [points[TOPICS.index("warranty")].id]

    async def test_a_rare_word_finds_its_passage(self, store: VectorStore) -> None:
        acme, agent = uuid4(), uuid4()
        texts = [("refund", f"Refund rule number {number} of many.") for number in range(80)]
        texts[63] = ("shipping", "Part XR-9000 ships within a day.")
        points = points_of(acme, texts, agent_id=agent)
        await store.upsert(acme, SPACE, points)

        hits = await store.search(
            acme,
            SPACE,
            agent_id=agent,
            vector=direction("refund"),
            terms=list(terms_of("xr-9000")),
            limit=5,
        )

        by_word = {hit.passage_id: hit.sparse_rank for hit in hits}
        assert by_word[points[63].id] == 1

    async def test_hits_say_where_they_come_from(self, store: VectorStore) -> None:
        acme, agent = uuid4(), uuid4()
        points = points_of(
            acme,
            [("refund", "Refunds take a month."), ("shipping", "Shipping takes a day.")],
            agent_id=agent,
            version=3,
        )
        await store.upsert(acme, SPACE, points)

        hits = await store.search(
            acme,
            SPACE,
            agent_id=agent,
            vector=direction("refund"),
            terms=list(terms_of("refund")),
            limit=5,
        )

        assert [hit.passage_id for hit in hits] == [point.id for point in points]
        assert (hits[0].document_id, hits[0].document_version) == (points[0].document_id, 3)
        assert (hits[0].dense_rank, hits[0].sparse_rank) == (1, 1)
        assert (hits[1].dense_rank, hits[1].sparse_rank) == (2, None)
        assert hits[0].score == pytest.approx(2 / 61)

    async def test_no_more_than_the_limit(self, store: VectorStore) -> None:
        acme, agent = uuid4(), uuid4()
        texts = [("refund", f"Refund rule {number}.") for number in range(12)]
        await store.upsert(acme, SPACE, points_of(acme, texts, agent_id=agent))

        assert len(await found(store, acme, agent_id=agent, words="refund", limit=4)) == 4

    async def test_spaces_are_apart(self, store: VectorStore) -> None:
        acme, agent = uuid4(), uuid4()
        other = EmbeddingSpace(model="all-minilm-l6-v2", dimension=384)
        points = points_of(acme, [("refund", "Refunds.")], agent_id=agent)
        await store.upsert(acme, SPACE, points)

        assert await found(store, acme, words="refunds", space=other) == []


class TestChanges:
    async def test_an_upsert_repeated_changes_nothing(self, store: VectorStore) -> None:
        acme, agent = uuid4(), uuid4()
        points = points_of(acme, [("refund", "Refunds."), ("invoice", "Bills.")], agent_id=agent)
        await store.upsert(acme, SPACE, points)
        before = await found(store, acme, words="refunds")
        await store.upsert(acme, SPACE, points)

        assert await store.count(acme, points[0].document_id) == 2
        assert await found(store, acme, words="refunds") == before

    async def test_an_upsert_replaces_words_and_meaning(self, store: VectorStore) -> None:
        acme, agent, document = uuid4(), uuid4(), uuid4()
        old = points_of(acme, [("refund", "Refunds.")], agent_id=agent, document_id=document)
        await store.upsert(acme, SPACE, old)
        await found(store, acme, words="refunds")
        new = points_of(acme, [("invoice", "Bills.")], agent_id=agent, document_id=document)
        await store.upsert(acme, SPACE, new)

        hits = await store.search(
            acme,
            SPACE,
            agent_id=agent,
            vector=direction("invoice"),
            terms=list(terms_of("refunds")),
            limit=3,
        )

        assert [hit.sparse_rank for hit in hits] == [None]

    async def test_a_search_sees_what_was_added_before_it(self, store: VectorStore) -> None:
        acme, agent = uuid4(), uuid4()
        ids: set[UUID] = set()
        for number in range(12):  # more rounds than an index has segments
            points = points_of(acme, [("refund", f"Refund rule {number}.")], agent_id=agent)
            await store.upsert(acme, SPACE, points)
            ids.add(points[0].id)

            assert set(await found(store, acme, agent_id=agent, words="rule", limit=20)) == ids

    async def test_a_deleted_document_is_gone(self, store: VectorStore) -> None:
        acme, agent = uuid4(), uuid4()
        gone = points_of(acme, [("refund", "Refunds."), ("refund", "More.")], agent_id=agent)
        kept = points_of(acme, [("refund", "Refunds, again.")], agent_id=agent)
        await store.upsert(acme, SPACE, [*gone, *kept])
        await found(store, acme, words="refunds")

        assert await store.delete_document(acme, gone[0].document_id) == 2

        assert await found(store, acme, words="refunds") == [kept[0].id]
        assert await store.count(acme, gone[0].document_id) == 0
        assert await store.delete_document(acme, gone[0].document_id) == 0

    async def test_a_new_version_takes_the_place_of_the_old(self, store: VectorStore) -> None:
        acme, agent, document = uuid4(), uuid4(), uuid4()
        texts = [("refund", "Refunds."), ("invoice", "Bills.")]
        for version in (1, 2):
            await store.upsert(
                acme,
                SPACE,
                points_of(acme, texts, agent_id=agent, document_id=document, version=version),
            )
        await found(store, acme, words="refunds")

        assert await store.delete_document(acme, document, keep_versions=[2]) == 2

        hits = await store.search(
            acme, SPACE, agent_id=agent, vector=direction("refund"), terms=["refund"], limit=9
        )
        assert {hit.document_version for hit in hits} == {2}
        assert await store.count(acme, document) == 2

    async def test_single_passages_can_be_deleted(self, store: VectorStore) -> None:
        acme, agent = uuid4(), uuid4()
        points = points_of(acme, [("refund", "Refunds."), ("refund", "More.")], agent_id=agent)
        await store.upsert(acme, SPACE, points)
        await found(store, acme)

        await store.delete_passages(acme, [points[0].id, uuid4()])

        assert await found(store, acme, words="refunds") == [points[1].id]

    async def test_every_method_is_asked_with_a_tenant(self, store: VectorStore) -> None:
        for name in ("upsert", "search", "delete_document", "delete_passages", "count"):
            assert next(iter(inspect.signature(getattr(store, name)).parameters)) == "tenant_id"
