"""Who may read what, in both stores: groups decide before anything is ranked."""

from uuid import UUID, uuid4

from libs.common.database import Database
from services.documents.adapters.vectors.pgvector import PgVectorStore
from services.documents.domain.ports import VectorStore
from services.documents.domain.readers import EVERYTHING, NO_GROUPS, Reader
from tests.documents.adapters.vectors.points import SPACE, found, hits_of, points_of
from tests.documents.cast import Tenant, make_document


class TestReaders:
    async def test_a_reader_finds_what_is_for_them_and_for_all(self, store: VectorStore) -> None:
        acme, agent, staff, board = uuid4(), uuid4(), uuid4(), uuid4()
        for_all = points_of(acme, [("refund", "Refunds for all.")], agent_id=agent)
        for_staff = points_of(
            acme, [("refund", "Refunds for staff.")], agent_id=agent, groups=(staff,)
        )
        for_both = points_of(
            acme, [("refund", "Refunds for both.")], agent_id=agent, groups=(board, staff)
        )
        await store.upsert(acme, SPACE, [*for_all, *for_staff, *for_both])
        everybodys, staffs, boths = for_all[0].id, for_staff[0].id, for_both[0].id

        for _ in range(2):  # the second time from memory
            for reader, readable in (
                (NO_GROUPS, {everybodys}),
                (Reader(groups=frozenset({uuid4()})), {everybodys}),
                (Reader(groups=frozenset({staff})), {everybodys, staffs, boths}),
                (Reader(groups=frozenset({board, uuid4()})), {everybodys, boths}),
                (EVERYTHING, {everybodys, staffs, boths}),
            ):
                hits = await found(store, acme, agent_id=agent, reader=reader, words="refunds")
                assert set(hits) == readable

    async def test_what_may_not_be_read_takes_no_place(self, store: VectorStore) -> None:
        acme, agent, staff = uuid4(), uuid4(), uuid4()
        secret = [("refund", f"Secret refund {number}.") for number in range(60)]
        open_ = points_of(acme, [("invoice", "Something about a refund.")], agent_id=agent)
        await store.upsert(acme, SPACE, points_of(acme, secret, agent_id=agent, groups=(staff,)))
        await store.upsert(acme, SPACE, open_)

        # The best fifty of each ranking are another's; this one comes first all the same.
        hits = await hits_of(
            store, acme, agent_id=agent, reader=NO_GROUPS, words="secret refund", limit=3
        )
        assert [(hit.passage_id, hit.dense_rank, hit.sparse_rank) for hit in hits] == [
            (open_[0].id, 1, 1)
        ]

    async def test_a_change_of_groups_is_seen_at_once(self, store: VectorStore) -> None:
        acme, agent, staff = uuid4(), uuid4(), uuid4()
        points = points_of(acme, [("refund", "Refunds."), ("refund", "More.")], agent_id=agent)
        other = points_of(acme, [("refund", "Others' refunds.")], agent_id=agent)
        await store.upsert(acme, SPACE, [*points, *other])
        ids = {point.id for point in points}
        assert ids < set(await found(store, acme, agent_id=agent, reader=NO_GROUPS))

        await store.set_groups(acme, points[0].document_id, [staff])
        assert await found(store, acme, agent_id=agent, reader=NO_GROUPS) == [other[0].id]
        member = Reader(groups=frozenset({staff}))
        assert ids < set(await found(store, acme, agent_id=agent, reader=member))

        await store.set_groups(acme, points[0].document_id, [])
        assert ids < set(await found(store, acme, agent_id=agent, reader=NO_GROUPS))

    async def test_nobody_sets_anothers_groups(self, store: VectorStore) -> None:
        acme, globex, agent = uuid4(), uuid4(), uuid4()
        points = points_of(acme, [("refund", "Refunds.")], agent_id=agent)
        await store.upsert(acme, SPACE, points)

        await store.set_groups(globex, points[0].document_id, [uuid4()])

        assert await found(store, acme, reader=NO_GROUPS) == [points[0].id]

    async def test_a_search_in_some_documents_only(self, store: VectorStore) -> None:
        acme, agent, staff = uuid4(), uuid4(), uuid4()
        first = points_of(acme, [("refund", "First refunds.")], agent_id=agent)
        second = points_of(acme, [("refund", "Second refunds.")], agent_id=agent)
        secret = points_of(acme, [("refund", "Secret.")], agent_id=agent, groups=(staff,))
        await store.upsert(acme, SPACE, [*first, *second, *secret])

        async def within(*documents: UUID) -> set[UUID]:
            return set(
                await found(
                    store,
                    acme,
                    agent_id=agent,
                    reader=NO_GROUPS,
                    document_ids=frozenset(documents),
                    words="refunds",
                )
            )

        assert await within(second[0].document_id) == {second[0].id}
        assert await within(first[0].document_id, second[0].document_id) == {
            first[0].id,
            second[0].id,
        }
        # To name a document is not to be allowed to read it.
        assert await within(secret[0].document_id) == set()
        assert await within() == set()

    async def test_a_store_searched_in_its_table_keeps_to_the_same(
        self, database: Database, acme: Tenant
    ) -> None:
        staff = uuid4()
        store = PgVectorStore(database, max_resident_passages=0)
        groups = {"open": [], "secret": [staff]}
        points = {}
        for name, those in groups.items():
            document = make_document(acme.agent_id, groups=those)
            await acme.add(document)
            points[name] = points_of(
                acme.id,
                [("refund", f"{name} refunds.")],
                agent_id=acme.agent_id,
                document_id=document.id,
                groups=tuple(those),
            )
            await store.upsert(acme.id, SPACE, points[name])

        async def seen(reader: Reader, documents: frozenset[UUID] | None = None) -> set[UUID]:
            return set(
                await found(
                    store,
                    acme.id,
                    agent_id=acme.agent_id,
                    reader=reader,
                    document_ids=documents,
                )
            )

        everybodys, secrets = points["open"][0], points["secret"][0]
        assert await seen(NO_GROUPS) == {everybodys.id}
        assert await seen(Reader(groups=frozenset({staff}))) == {everybodys.id, secrets.id}
        assert await seen(EVERYTHING, frozenset({secrets.document_id})) == {secrets.id}
