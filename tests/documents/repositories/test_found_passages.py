from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import text

from services.documents.domain.documents import Status
from services.documents.domain.ports import (
    EmbeddingSpace,
    ReadQuery,
    VectorGuess,
    VectorHit,
    passage_id,
)
from services.documents.domain.readers import NO_GROUPS
from services.documents.domain.search import FoundPassage
from services.documents.models import Document
from services.documents.repositories.found_passages import FindInBoth, FindInOneTransaction
from tests.documents.cast import (
    NOON,
    MemoryVectors,
    Tenant,
    make_document,
    make_passage,
    new_agent_id,
)

Finder = Callable[..., Awaitable[tuple[FoundPassage, ...]]]


async def add_indexed(
    tenant: Tenant, *, passages: int = 3, deleted_at: datetime | None = None
) -> Document:
    document = make_document(
        tenant.agent_id, status=Status.PROCESSED, live_version=1, deleted_at=deleted_at
    )
    await tenant.add(document)
    async with tenant.unit_of_work() as uow:
        await uow.passages.replace(
            document.id, version=1, passages=[make_passage(n) for n in range(passages)]
        )
    return document


async def test_a_memory_that_is_out_of_date_is_not_believed(acme: Tenant) -> None:
    document = await add_indexed(acme)
    store = RememberedHits([hit(acme, document, 0)])
    guess = store.guess()
    store.guess = lambda *args, **kwargs: guess  # type: ignore[method-assign]  # a stand-in for one call
    store.hits = [hit(acme, document, 1)]
    finder = FindInOneTransaction(database=acme.database, vectors=store)

    passages = await finder.find(acme.id, QUERY, agent_id=acme.agent_id, reader=NO_GROUPS, limit=5)

    assert [passage.position for passage in passages] == [1]


def hit(tenant: Tenant, document: Document, position: int, *, score: float = 0.5) -> VectorHit:
    return VectorHit(
        passage_id=passage_id(tenant.id, document.id, version=1, position=position),
        document_id=document.id,
        document_version=1,
        score=score,
        dense_rank=1,
        sparse_rank=None,
    )


class NamedHits(MemoryVectors):
    """A vector store that names what it is told to, whoever asks."""

    def __init__(self, hits: list[VectorHit]) -> None:
        super().__init__()
        self.hits = hits

    async def search(self, *args: object, **kwargs: object) -> list[VectorHit]:
        return self.hits

    def guess(self, *args: object, **kwargs: object) -> VectorGuess | None:
        return None


class RememberedHits(NamedHits):
    """A vector store in our database that names the same from memory, of some generation."""

    generation = 1

    def guess(self, *args: object, **kwargs: object) -> VectorGuess | None:
        return VectorGuess(
            generation=self.generation,
            removals=0,
            passage_ids=tuple(hit.passage_id for hit in self.hits),
            scores=tuple(hit.score for hit in self.hits),
        )


QUERY = ReadQuery(
    space=EmbeddingSpace(model="words", dimension=3),
    vector=np.zeros(3, dtype=np.float32),
    terms=(),
)


@pytest.fixture(
    params=[
        (FindInBoth, NamedHits),
        (FindInOneTransaction, NamedHits),
        (FindInOneTransaction, RememberedHits),
    ],
    ids=["both", "one transaction", "from memory"],
)
def found(request: pytest.FixtureRequest) -> Finder:
    """The finders, over a vector store that has no scruples."""
    kind, store = request.param

    async def find(
        tenant: Tenant, hits: list[VectorHit], *, agent_id: UUID | None
    ) -> tuple[FoundPassage, ...]:
        async with tenant.database.session(tenant.id) as session:
            await session.execute(
                text(
                    "INSERT INTO knowledge_generations (tenant_id, space, agent_id)"
                    " VALUES (:tenant, :space, :agent) ON CONFLICT DO NOTHING"
                ),
                {"tenant": tenant.id, "space": QUERY.space.name, "agent": tenant.agent_id},
            )
        finder = kind(database=tenant.database, vectors=store(hits))
        found: tuple[FoundPassage, ...] = await finder.find(
            tenant.id, QUERY, agent_id=agent_id, reader=NO_GROUPS, limit=10
        )
        return found

    return find


async def positions(
    found: Finder, tenant: Tenant, hits: list[VectorHit], *, agent_id: UUID | None = None
) -> list[int]:
    passages = await found(tenant, hits, agent_id=agent_id)
    return [passage.position for passage in passages]


class TestConfirm:
    async def test_another_tenants_hits_are_nothing(
        self, found: Finder, acme: Tenant, globex: Tenant
    ) -> None:
        theirs = await add_indexed(globex)

        assert await positions(found, acme, [hit(globex, theirs, 0)]) == []
        assert await positions(found, globex, [hit(globex, theirs, 0)]) == [0]

    async def test_keeps_the_order_of_the_hits(self, found: Finder, acme: Tenant) -> None:
        document = await add_indexed(acme)
        hits = [hit(acme, document, 2, score=0.9), hit(acme, document, 0, score=0.4)]

        passages = await found(acme, hits, agent_id=acme.agent_id)

        assert [(p.number, p.position, p.score) for p in passages] == [(1, 2, 0.9), (2, 0, 0.4)]
        assert passages[0].heading_path == ("Returns", "Part 2")
        assert passages[0].document_name == "handbook.md"
        assert passages[0].page == 3

    async def test_shows_no_deleted_document(self, found: Finder, acme: Tenant) -> None:
        document = await add_indexed(acme, deleted_at=NOON)

        assert await positions(found, acme, [hit(acme, document, 0)]) == []

    async def test_shows_no_version_that_is_not_live(self, found: Finder, acme: Tenant) -> None:
        document = await add_indexed(acme)
        async with acme.unit_of_work() as uow:
            stored = await uow.documents.get(document.id)
            assert stored is not None
            stored.queue_again()

        assert await positions(found, acme, [hit(acme, document, 0)]) == []

    async def test_shows_no_deleted_chunk(self, found: Finder, acme: Tenant) -> None:
        document = await add_indexed(acme)
        async with acme.unit_of_work() as uow:
            locked = await uow.passages.locked(hit(acme, document, 1).passage_id)
            assert locked is not None
            locked[0].deleted_at = NOON

        hits = [hit(acme, document, n) for n in range(3)]
        assert await positions(found, acme, hits) == [0, 2]

    async def test_shows_no_other_agents_document(self, found: Finder, acme: Tenant) -> None:
        document = await add_indexed(acme)

        hits = [hit(acme, document, 0)]
        assert await positions(found, acme, hits, agent_id=new_agent_id()) == []
