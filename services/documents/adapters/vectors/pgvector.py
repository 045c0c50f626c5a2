"""Vectors in the service's own PostgreSQL, for a platform without a Qdrant.

What is stored, and what is said of it, comes from tables under row-level security; each process
keeps digests of the agents it is asked about (`resident`), which rank them. A generation per
agent, raised in the transaction of every change, tells whether they are current, so a search sees
what was committed before it; the hits are looked up once more in the same transaction, so that
none is gone or another tenant's. The vectors themselves are read when an agent is too large to be
kept, and when the digests are to be made anew.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
import numpy as np

from libs.common.database import Database
from libs.common.database.connection import Connection
from libs.common.errors import Unavailable
from services.documents.adapters.vectors import statements as sql
from services.documents.adapters.vectors.ranking import ranks, reciprocal_rank, term_id
from services.documents.adapters.vectors.resident import (
    Digests,
    ResidentIndex,
    code_of,
    encoded_terms,
)
from services.documents.adapters.vectors.shelves import View, readers_code
from services.documents.adapters.vectors.statements import DIMENSIONS, HALF_DIMENSIONS
from services.documents.domain.errors import EmbeddingRejected, VectorStoreUnavailable
from services.documents.domain.ports import (
    EmbeddingSpace,
    VectorGuess,
    VectorHit,
    VectorPoint,
    Vectors,
)
from services.documents.domain.readers import Reader

RESIDENT_BYTES: Final = 96 * 1024 * 1024
# Above this an agent is searched in the table: exactly, or by its HNSW index once one is built.
MAX_RESIDENT_PASSAGES: Final = 150_000
# Of each ranking, so many go into the fusion, or twice the wanted hits.
CANDIDATES: Final = 50
# Above so many passages, old and new, learning takes long enough to leave the event loop alone:
# half a second for a removal among 100,000, since every id is compared and segments are merged.
_THREAD_ABOVE: Final = 2_000

Key = tuple[UUID, str, UUID]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Query:
    tenant_id: UUID
    space: EmbeddingSpace
    agent_id: UUID | None
    reader: Reader
    document_ids: frozenset[UUID] | None
    vector: Vectors
    terms: Sequence[str]
    limit: int

    @property
    def view(self) -> View:
        """What of an index the query may see."""
        return View.of(self.reader, self.document_ids)


class PgVectorStore:
    """Fulfils `VectorStore`.

    Args:
        database: The documents service's own.
        resident_bytes: Memory for digests; the agents asked last stay.
        max_resident_passages: Larger agents are searched by meaning only, in the table.
    """

    def __init__(
        self,
        database: Database,
        *,
        resident_bytes: int = RESIDENT_BYTES,
        max_resident_passages: int = MAX_RESIDENT_PASSAGES,
    ) -> None:
        self._database = database
        self._resident_bytes = resident_bytes
        self._max_resident_passages = max_resident_passages
        self._indexes: OrderedDict[Key, ResidentIndex] = OrderedDict()
        self._loading: dict[Key, asyncio.Lock] = {}

    async def upsert(
        self, tenant_id: UUID, space: EmbeddingSpace, points: Sequence[VectorPoint]
    ) -> None:
        """Add the points; those with a known id are replaced."""
        statement = sql.UPSERT_VECTORS.format(**_table(space))
        if not points:
            return
        ids = [point.id for point in points]
        agents = [point.agent_id for point in points]
        documents = [point.document_id for point in points]
        versions = [point.document_version for point in points]
        vectors = np.stack([point.vector for point in points]).astype(np.float32, copy=False)
        terms = [
            encoded_terms({term_id(term): count for term, count in point.terms.items()})
            for point in points
        ]
        async with self._transaction(tenant_id) as connection:
            rows = await connection.fetch(
                sql.NEXT_GENERATION, tenant_id, space.name, list(set(agents))
            )
            generations = {row[0]: row[1] for row in rows}
            await connection.execute(
                statement,
                tenant_id,
                space.name,
                ids,
                agents,
                documents,
                versions,
                vectors.ravel().tolist(),
            )
            await connection.execute(
                sql.UPSERT_DIGESTS,
                tenant_id,
                space.name,
                ids,
                agents,
                documents,
                versions,
                [generations[agent] for agent in agents],
                [code.tobytes() for code in code_of(vectors)],
                [term_ids for term_ids, _ in terms],
                [term_counts for _, term_counts in terms],
                [readers_code(point.groups) for point in points],
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
        connection: Connection | None = None,
    ) -> list[VectorHit]:
        """Return the best hits of dense and sparse search, fused by reciprocal rank.

        Args:
            tenant_id: Whose passages.
            space: Where the vector belongs.
            agent_id: Narrows to one agent's documents; None searches the whole tenant.
            reader: Who asks; what they may not read takes no part.
            document_ids: Only these take part; None for all.
            vector: The query's.
            terms: The query's.
            limit: How many hits at most.
            connection: One of a tenant transaction under way, to save a transaction.
        """
        query = _Query(
            tenant_id=tenant_id,
            space=space,
            agent_id=agent_id,
            reader=reader,
            document_ids=document_ids,
            vector=vector.astype(np.float32, copy=False),
            terms=terms,
            limit=limit,
        )
        if connection is not None:
            return await self._search(connection, query)
        async with self._transaction(tenant_id) as own:
            return await self._search(own, query)

    def guess(
        self,
        tenant_id: UUID,
        space: EmbeddingSpace,
        *,
        agent_id: UUID,
        reader: Reader,
        document_ids: frozenset[UUID] | None = None,
        vector: Vectors,
        terms: Sequence[str],
        limit: int,
    ) -> VectorGuess | None:
        """Name the best hits from memory alone; None when this process knows nothing yet.

        The guess is what `search` would say as long as the agent's row of
        `knowledge_generations` is that of the guess, which the caller must check.
        """
        key = (tenant_id, space.name, agent_id)
        index = self._indexes.get(key)
        if index is None:
            return None
        self._indexes.move_to_end(key)
        candidates = max(CANDIDATES, 2 * limit)
        view = View.of(reader, document_ids)
        near = index.nearest(vector.astype(np.float32, copy=False), limit=candidates, view=view)
        worded = index.matching([term_id(term) for term in terms], limit=candidates, view=view)
        best = _fused([id_ for _, id_ in near], [id_ for _, id_ in worded], limit=limit)
        return VectorGuess(
            generation=index.generation,
            removals=index.removals,
            passage_ids=tuple(one.id for one in best),
            scores=tuple(one.score for one in best),
        )

    async def delete_document(
        self, tenant_id: UUID, document_id: UUID, *, keep_versions: Collection[int] = ()
    ) -> int:
        """Delete a document's points, save those of `keep_versions`; return how many."""
        async with self._transaction(tenant_id) as connection:
            for space, agent_id in await connection.fetch(sql.AFFECTED, tenant_id, document_id):
                await connection.execute(sql.NOTE_REMOVAL, tenant_id, space, agent_id)
            gone = await connection.fetch(
                sql.DELETE_DIGESTS, tenant_id, document_id, list(keep_versions)
            )
            by_space: dict[str, list[UUID]] = {}
            for space, passage_id in gone:
                by_space.setdefault(space, []).append(passage_id)
            for space, passages in by_space.items():
                dimension = int(space.rpartition("/")[2])
                await connection.execute(
                    sql.DELETE_VECTORS.format(dimension=dimension), tenant_id, space, passages
                )
        return len(gone)

    async def set_groups(self, tenant_id: UUID, document_id: UUID, groups: Sequence[UUID]) -> None:
        """Change who may read a document's points; a change for all who keep them in memory."""
        async with self._transaction(tenant_id) as connection:
            for space, agent_id in await connection.fetch(sql.AFFECTED, tenant_id, document_id):
                rows = await connection.fetch(
                    sql.NEXT_GENERATION, tenant_id, space, [UUID(int=agent_id.int)]
                )
                await connection.execute(
                    sql.SET_READERS,
                    tenant_id,
                    space,
                    agent_id,
                    document_id,
                    readers_code(groups),
                    rows[0][1],
                )

    async def count(self, tenant_id: UUID, document_id: UUID) -> int:
        """Return how many points of a document are stored, over all versions."""
        async with self._transaction(tenant_id) as connection:
            count: int = await connection.fetchval(
                "SELECT count(*) FROM passage_digests WHERE tenant_id = $1 AND document_id = $2",
                tenant_id,
                document_id,
            )
        return count

    async def _search(self, connection: Connection, query: _Query) -> list[VectorHit]:
        table = _table(query.space)
        place = (query.tenant_id, query.space.name)
        term_ids = [term_id(term) for term in query.terms]
        candidates = max(CANDIDATES, 2 * query.limit)
        view = query.view
        near: list[tuple[float, bytes]] = []
        worded: list[tuple[float, bytes]] = []
        for agent, generation, removals in await connection.fetch(
            sql.GENERATIONS, *place, query.agent_id
        ):
            index = await self._index(connection, (*place, agent), generation, removals)
            if index is not None:
                near += index.nearest(query.vector, limit=candidates, view=view)
                worded += index.matching(term_ids, limit=candidates, view=view)
                continue
            await connection.execute("SET LOCAL hnsw.iterative_scan = 'strict_order'")
            rows = await connection.fetch(
                sql.SCAN.format(**table),
                *place,
                agent,
                query.vector.tolist(),
                candidates,
                None if query.document_ids is None else list(query.document_ids),
                query.reader.group_list,
            )
            near += [(row[0], row[1]) for row in rows]
        near.sort()
        worded.sort(reverse=True)
        best = _fused(
            [id_ for _, id_ in near[:candidates]],
            [id_ for _, id_ in worded[:candidates]],
            limit=query.limit,
        )
        if not best:
            return []
        existing = {
            row[0]: row
            for row in await connection.fetch(sql.CONFIRM, *place, [one.id for one in best])
        }
        return [
            VectorHit(
                passage_id=one.id,
                document_id=existing[one.id][1],
                document_version=existing[one.id][2],
                score=one.score,
                dense_rank=one.dense_rank,
                sparse_rank=one.sparse_rank,
            )
            for one in best
            if one.id in existing
        ]

    async def _index(
        self, connection: Connection, key: Key, generation: int, removals: int
    ) -> ResidentIndex | None:
        """Return the agent's index, current up to `generation`; None when it is too large."""
        index = self._indexes.get(key)
        if index is not None and index.generation >= generation and index.removals >= removals:
            self._indexes.move_to_end(key)
            return index
        async with self._loading.setdefault(key, asyncio.Lock()):
            index = self._indexes.get(key) or ResidentIndex(0, removals)
            if index.generation < generation or index.removals < removals:
                if index.generation == 0:
                    count = await connection.fetchval(sql.COUNT, *key)
                    if count > self._max_resident_passages:
                        return None
                index = await self._refreshed(connection, key, index, generation, removals)
                self._keep(key, index)
        return index

    async def _refreshed(
        self,
        connection: Connection,
        key: Key,
        index: ResidentIndex,
        generation: int,
        removals: int,
    ) -> ResidentIndex:
        row = await connection.fetchrow(sql.DIGESTS, *key, index.generation)
        if row is None:
            raise VectorStoreUnavailable
        new = Digests.from_columns(tuple(row))
        live_ids = None
        if removals > index.removals and index.segments:
            live_ids = np.frombuffer(await connection.fetchval(sql.LIVE_IDS, *key), dtype="S16")

        def learn() -> ResidentIndex:
            return index.learned(new, generation=generation, removals=removals, live_ids=live_ids)

        if index.size + len(new.ids) > _THREAD_ABOVE:
            return await asyncio.to_thread(learn)
        return learn()

    def _keep(self, key: Key, index: ResidentIndex) -> None:
        self._indexes[key] = index
        self._indexes.move_to_end(key)
        taken = sum(kept.byte_count for kept in self._indexes.values())
        while taken > self._resident_bytes and len(self._indexes) > 1:
            dropped, kept = self._indexes.popitem(last=False)
            taken -= kept.byte_count
            self._loading.pop(dropped, None)

    @asynccontextmanager
    async def _transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        try:
            async with self._database.lean(tenant_id) as connection:
                yield connection
        except (Unavailable, OSError, asyncpg.PostgresConnectionError) as error:
            raise VectorStoreUnavailable(retry_after_seconds=2) from error


def _table(space: EmbeddingSpace) -> dict[str, str | int]:
    if space.dimension not in DIMENSIONS:
        raise EmbeddingRejected(
            f"Vectors of dimension {space.dimension} cannot be stored; "
            f"choose a model with {', '.join(map(str, DIMENSIONS))}."
        )
    kind = "halfvec" if space.dimension in HALF_DIMENSIONS else "vector"
    return {"dimension": space.dimension, "kind": kind}


@dataclass(frozen=True, slots=True)
class _Placed:
    id: UUID
    score: float
    dense_rank: int | None
    sparse_rank: int | None


def _fused(near: Sequence[bytes], worded: Sequence[bytes], *, limit: int) -> list[_Placed]:
    dense, sparse = ranks(near), ranks(worded)
    scores = {
        id_: reciprocal_rank(dense.get(id_)) + reciprocal_rank(sparse.get(id_))
        for id_ in (*near, *worded)
    }
    # Python's sort keeps equals as they are: those by meaning first.
    best = sorted(scores, key=lambda id_: -scores[id_])[:limit]
    return [_Placed(UUID(bytes=id_), scores[id_], dense.get(id_), sparse.get(id_)) for id_ in best]
