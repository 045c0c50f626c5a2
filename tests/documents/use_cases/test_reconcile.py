"""Proving that the stores agree: each way to disagree is made, told, and mended."""

from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import text

from services.documents.adapters.vectors.pgvector import PgVectorStore
from services.documents.adapters.vectors.pgvector_inventory import PgVectorInventory
from services.documents.domain.documents import blob_key
from services.documents.domain.jobs import FillVectors, IndexDocument
from services.documents.domain.ports import VectorPoint, passage_id
from services.documents.domain.reconciling import Disagreement, Repair
from services.documents.repositories.reconciling import KnowledgeState
from services.documents.use_cases.rebuild_index import RebuildIndex
from services.documents.use_cases.reconcile import Reconcile
from tests.documents.cast import KnownAgents, MemoryBlobs, Tenant
from tests.documents.library import Library

RETURNS = "# Returns\nReturns are accepted for thirty days after delivery.\n"
SHIPPING = "# Shipping\nParcels leave within two days of payment.\n"


@pytest.fixture
def shelves(acme: Tenant, blobs: MemoryBlobs, agents: KnownAgents) -> Library:
    """The use cases of acme, over vectors in PostgreSQL."""
    return Library(acme, blobs, agents, PgVectorStore(acme.database))


def reconciler(library: Library) -> Reconcile:
    tenant = library.tenant
    return Reconcile(
        tenant_id=tenant.id,
        unit_of_work=tenant.unit_of_work,
        state=KnowledgeState(database=tenant.database),
        inventory=PgVectorInventory(tenant.database),
        blobs=library.blobs,
        settle_seconds=0,
    )


async def told(library: Library, *, repair: bool = False) -> list[tuple[str, UUID, int, str]]:
    findings = await reconciler(library)(repair=repair)
    return [(one.kind, one.subject, one.count, one.repair) for one in findings]


async def queued(tenant: Tenant, kind: str) -> list[str]:
    async with tenant.unit_of_work() as uow:
        rows = await uow.session.execute(
            text(
                "SELECT payload->>'document_id' FROM jobs WHERE tenant_id = :tenant_id"
                " AND kind = :kind AND state = 'queued'"
            ),
            {"tenant_id": tenant.id, "kind": kind},
        )
        return [row[0] for row in rows]


def stray_point(library: Library, document_id: UUID, *, version: int = 1) -> VectorPoint:
    unit = np.zeros(library.embedder.space.dimension, dtype=np.float32)
    unit[0] = 1
    return VectorPoint(
        id=passage_id(library.tenant.id, document_id, version=version, position=77),
        document_id=document_id,
        document_version=version,
        agent_id=library.tenant.agent_id,
        position=77,
        vector=unit,
        terms={"stray": 1},
    )


class TestReconcile:
    async def test_nothing_to_say_when_all_agree(self, shelves: Library) -> None:
        await shelves.add_indexed(RETURNS)
        gone = await shelves.add_indexed(SHIPPING, filename="shipping.md")
        await shelves.delete(gone.id)
        await shelves.purge(gone.id, version=1)

        assert await told(shelves) == []

    async def test_a_tenant_is_compared_with_itself_alone(
        self, shelves: Library, globex: Tenant, blobs: MemoryBlobs, agents: KnownAgents
    ) -> None:
        others = Library(globex, blobs, agents, PgVectorStore(globex.database))
        theirs = await others.add_indexed(RETURNS)
        await others.vectors.delete_document(globex.id, theirs.id)
        await shelves.add_indexed(SHIPPING)

        assert await told(shelves, repair=True) == []
        assert [one[0] for one in await told(others)] == [Disagreement.VECTORS_MISSING]

    async def test_missing_vectors_are_made_again_from_passages(
        self, shelves: Library, acme: Tenant
    ) -> None:
        document = await shelves.add_indexed(RETURNS)
        await shelves.vectors.delete_document(acme.id, document.id)
        # The file is not needed for it.
        del shelves.blobs.kept[acme.id, blob_key(document.blob_id)]
        assert await shelves.found("returns") == []

        missing = (Disagreement.VECTORS_MISSING, document.id, 1)
        assert (*missing, Repair.NONE) in await told(shelves)
        assert await queued(acme, FillVectors.kind) == []
        assert (*missing, Repair.QUEUED) in await told(shelves, repair=True)
        assert await queued(acme, FillVectors.kind) == [str(document.id)]

        assert await shelves.fill(document.id, version=1) == 1
        assert await shelves.found("returns") == [
            "Returns are accepted for thirty days after delivery."
        ]
        assert missing[0] not in [one[0] for one in await told(shelves)]

    async def test_half_a_vector_counts_as_missing(self, shelves: Library, acme: Tenant) -> None:
        document = await shelves.add_indexed(RETURNS)
        async with acme.database.lean(acme.id) as connection:
            await connection.execute("DELETE FROM vectors_384 WHERE tenant_id = $1", acme.id)

        expected = (Disagreement.VECTORS_MISSING, document.id, 1, Repair.NONE)
        assert await told(shelves) == [expected]

        await shelves.fill(document.id, version=1)
        assert await told(shelves) == []

    async def test_vectors_of_nothing_that_is_shown_go(
        self, shelves: Library, acme: Tenant
    ) -> None:
        document = await shelves.add_indexed(RETURNS)
        unknown = uuid4()
        strays = [
            stray_point(shelves, document.id),  # a position that there is not
            stray_point(shelves, document.id, version=9),
            stray_point(shelves, unknown),
        ]
        await shelves.vectors.upsert(acme.id, shelves.embedder.space, strays)

        expected = {
            (Disagreement.VECTORS_ORPHANED, document.id, 2),
            (Disagreement.VECTORS_ORPHANED, unknown, 1),
        }
        assert {one[:3] for one in await told(shelves)} == expected
        assert {(*one, Repair.DONE) for one in expected} == set(await told(shelves, repair=True))

        assert await told(shelves) == []
        assert await shelves.vectors.count(acme.id, document.id) == 1
        assert await shelves.vectors.count(acme.id, unknown) == 0

    async def test_vectors_that_are_being_written_are_no_strays(
        self, shelves: Library, acme: Tenant
    ) -> None:
        document = await shelves.add(RETURNS)
        async with acme.unit_of_work() as uow:
            uow.jobs.add(IndexDocument(document_id=document.id, version=1), id=document.task_id)
        await shelves.vectors.upsert(
            acme.id, shelves.embedder.space, [stray_point(shelves, document.id)]
        )

        assert await told(shelves, repair=True) == []

    async def test_a_document_that_no_job_comes_for_is_queued(
        self, shelves: Library, acme: Tenant
    ) -> None:
        document = await shelves.add(RETURNS)

        expected = (Disagreement.FORGOTTEN, document.id, 1)
        assert await told(shelves, repair=True) == [(*expected, Repair.QUEUED)]

        assert await queued(acme, IndexDocument.kind) == [str(document.id)]
        assert await told(shelves) == []

    async def test_a_page_that_was_fetched_and_waits_is_not_forgotten(
        self, shelves: Library, acme: Tenant
    ) -> None:
        page = await shelves.add(RETURNS)
        async with acme.unit_of_work() as uow:
            document = await uow.documents.live(page.id, lock=True)
            assert document is not None
            document.source_url = "https://shop.example/returns"
            uow.jobs.add(IndexDocument(document_id=page.id, version=1))

        assert await told(shelves) == []

    async def test_a_file_that_is_gone_is_told_and_cannot_be_mended(
        self, shelves: Library, acme: Tenant
    ) -> None:
        document = await shelves.add_indexed(RETURNS)
        del shelves.blobs.kept[acme.id, blob_key(document.blob_id)]

        expected = [(Disagreement.FILE_MISSING, document.id, 1, Repair.NONE)]
        assert await told(shelves, repair=True) == expected

    async def test_an_old_file_without_a_document_goes_and_a_new_one_stays(
        self, shelves: Library, acme: Tenant
    ) -> None:
        stray = uuid4()
        shelves.blobs.kept[acme.id, blob_key(stray)] = b"left behind"

        assert await told(shelves, repair=True) == []
        shelves.blobs.age_seconds = 2 * 86_400
        assert await told(shelves) == [(Disagreement.FILE_ORPHANED, stray, 1, Repair.NONE)]
        assert await told(shelves, repair=True) == [
            (Disagreement.FILE_ORPHANED, stray, 1, Repair.DONE)
        ]
        assert (acme.id, blob_key(stray)) not in shelves.blobs.kept

    async def test_missing_passages_are_read_from_the_file_again(
        self, shelves: Library, acme: Tenant
    ) -> None:
        document = await shelves.add_indexed(RETURNS)
        async with acme.database.lean(acme.id) as connection:
            await connection.execute("DELETE FROM passages WHERE tenant_id = $1", acme.id)

        kinds = {one[0]: one[3] for one in await told(shelves, repair=True)}
        assert kinds == {
            Disagreement.PASSAGES_MISSING: Repair.QUEUED,
            Disagreement.VECTORS_ORPHANED: Repair.DONE,
        }
        await shelves.run(document, version=2)
        assert await shelves.found("returns")


class TestRebuild:
    async def test_a_lost_index_is_made_again(self, shelves: Library, acme: Tenant) -> None:
        document = await shelves.add_indexed(RETURNS)
        deleted = await shelves.add_indexed(SHIPPING, filename="shipping.md")
        await shelves.delete(deleted.id)
        for one in (document, deleted):
            await shelves.vectors.delete_document(acme.id, one.id)

        rebuild = RebuildIndex(
            tenant_id=acme.id,
            unit_of_work=acme.unit_of_work,
            state=KnowledgeState(database=acme.database),
        )
        assert await rebuild() == 1
        assert await queued(acme, FillVectors.kind) == [str(document.id)]
        await shelves.fill(document.id, version=1)

        assert await shelves.found("returns")
        assert await told(shelves) == []

    async def test_filling_leaves_what_was_deleted_meanwhile(
        self, shelves: Library, acme: Tenant
    ) -> None:
        document = await shelves.add_indexed(RETURNS)
        await shelves.delete(document.id)
        await shelves.purge(document.id, version=1)

        assert await shelves.fill(document.id, version=1) == 0
        assert await shelves.vectors.count(acme.id, document.id) == 0


class TestAgents:
    async def test_documents_go_and_come_back_with_their_agent(
        self, shelves: Library, acme: Tenant, agents: KnownAgents
    ) -> None:
        kept = await shelves.add_indexed(RETURNS)
        deleted_before = await shelves.add_indexed(SHIPPING, filename="shipping.md")
        await shelves.delete(deleted_before.id)

        agents.known.discard((acme.id, acme.agent_id))
        assert await shelves.follow_agent(acme.agent_id) == 1
        assert (await acme.get(kept.id)).deleted_at is not None
        assert await shelves.follow_agent(acme.agent_id) == 0

        agents.known.add((acme.id, acme.agent_id))
        assert await shelves.follow_agent(acme.agent_id) == 1
        await shelves.run(kept, version=2)
        assert await shelves.found("returns")
        assert (await acme.get(deleted_before.id)).deleted_at is not None

    async def test_an_event_that_comes_too_late_does_no_harm(
        self, shelves: Library, acme: Tenant
    ) -> None:
        kept = await shelves.add_indexed(RETURNS)

        # Told of a deletion that has been undone by now.
        assert await shelves.follow_agent(acme.agent_id) == 0
        assert (await acme.get(kept.id)).deleted_at is None

    async def test_nobody_elses_documents_go(
        self, shelves: Library, acme: Tenant, globex: Tenant, agents: KnownAgents
    ) -> None:
        others = Library(globex, shelves.blobs, agents, PgVectorStore(globex.database))
        theirs = await others.add_indexed(RETURNS)

        assert await shelves.follow_agent(globex.agent_id) == 0
        assert (await globex.get(theirs.id)).deleted_at is None
