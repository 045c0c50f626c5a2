"""One suite for both stores: what `VectorStore` promises, whichever fulfils it."""

import inspect
from uuid import UUID, uuid4

import pytest

from services.documents.domain.ports import EmbeddingSpace, VectorStore
from tests.documents.adapters.vectors.points import SPACE, TOPICS, found, hits_of, points_of


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

        hits = await hits_of(store, acme, agent_id=agent, words="xr-9000", limit=5)

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

        hits = await hits_of(store, acme, agent_id=agent, words="refund", limit=5)

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

        hits = await hits_of(store, acme, agent_id=agent, topic="invoice", words="refunds", limit=3)

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

        hits = await hits_of(store, acme, agent_id=agent, words="refund", limit=9)
        assert {hit.document_version for hit in hits} == {2}
        assert await store.count(acme, document) == 2

    async def test_every_method_is_asked_with_a_tenant(self, store: VectorStore) -> None:
        for name in (
            "upsert",
            "search",
            "delete_document",
            "set_groups",
            "count",
        ):
            assert next(iter(inspect.signature(getattr(store, name)).parameters)) == "tenant_id"
