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
from services.documents.adapters.vectors.ranking import ranks, reciprocal_rank, term_id
from services.documents.adapters.vectors.resident import (
    Digests,
    ResidentIndex,
    code_of,
    encoded_terms,
)
from services.documents.domain.errors import EmbeddingRejected, VectorStoreUnavailable
from services.documents.domain.ports import (
    EmbeddingSpace,
    VectorGuess,
    VectorHit,
    VectorPoint,
    Vectors,
)

DIMENSIONS: Final = (384, 512, 768, 1024, 1536, 3072)
HALF_DIMENSIONS: Final = frozenset({3072})
RESIDENT_BYTES: Final = 96 * 1024 * 1024
# Above this an agent is searched in the table: exactly, or by its HNSW index once one is built.
MAX_RESIDENT_PASSAGES: Final = 150_000
# Of each ranking, so many go into the fusion, or twice the wanted hits.
CANDIDATES: Final = 50
# Above so many passages, old and new, learning takes long enough to leave the event loop alone:
# half a second for a removal among 100,000, since every id is compared and segments are merged.
_THREAD_ABOVE: Final = 2_000

_GENERATIONS = """
SELECT agent_id, generation, removals FROM knowledge_generations
WHERE tenant_id = $1 AND space = $2 AND ($3::uuid IS NULL OR agent_id = $3)
"""
_COUNT = """
SELECT count(*) FROM passage_digests WHERE tenant_id = $1 AND space = $2 AND agent_id = $3
"""
# Strung together, ten thousand passages arrive as five values instead of fifty thousand.
_DIGESTS = """
SELECT coalesce(string_agg(uuid_send(passage_id), ''), ''), coalesce(string_agg(code, ''), ''),
       coalesce(string_agg(int4send(length(term_counts)), ''), ''),
       coalesce(string_agg(term_ids, ''), ''), coalesce(string_agg(term_counts, ''), '')
FROM passage_digests
WHERE tenant_id = $1 AND space = $2 AND agent_id = $3 AND generation > $4
"""
_LIVE_IDS = """
SELECT coalesce(string_agg(uuid_send(passage_id), ''), '') FROM passage_digests
WHERE tenant_id = $1 AND space = $2 AND agent_id = $3
"""
# LATERAL with LIMIT leaves the planner one way, a look-up by primary key for each id: before a
# table's first ANALYZE it would rather read all of a tenant's rows.
_CONFIRM = """
SELECT found.*
FROM unnest($3::uuid[]) AS wanted (id)
CROSS JOIN LATERAL (
    SELECT passage_id, document_id, document_version FROM passage_digests
    WHERE tenant_id = $1 AND space = $2 AND passage_id = wanted.id LIMIT 1
) AS found
"""
# The sub-select keeps the cast from being repeated for every row.
_SCAN = """
SELECT embedding <#> (SELECT $4::float4[]::{kind}), uuid_send(passage_id)
FROM vectors_{dimension} WHERE tenant_id = $1 AND space = $2 AND agent_id = $3
ORDER BY embedding <#> (SELECT $4::float4[]::{kind}) LIMIT $5
"""
# Every change of an agent's passages begins here: changes of one agent come one after another,
# so generations are seen in the order in which they were given.
_NEXT_GENERATION = """
INSERT INTO knowledge_generations AS known (tenant_id, space, agent_id)
SELECT $1, $2, agent_id FROM unnest($3::uuid[]) AS agent_id ORDER BY agent_id
ON CONFLICT (tenant_id, space, agent_id) DO UPDATE SET generation = known.generation + 1
RETURNING agent_id, generation
"""
_UPSERT_VECTORS = """
INSERT INTO vectors_{dimension} (tenant_id, space, passage_id, agent_id, document_id,
                                 document_version, embedding)
SELECT $1, $2, id, agent_id, document_id, version,
       ($7::float4[])[(place - 1) * {dimension} + 1 : place * {dimension}]::{kind}
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[])
    WITH ORDINALITY AS new (id, agent_id, document_id, version, place)
ON CONFLICT (tenant_id, space, passage_id) DO UPDATE SET embedding = excluded.embedding
"""
_UPSERT_DIGESTS = """
INSERT INTO passage_digests (tenant_id, space, passage_id, agent_id, document_id,
                             document_version, generation, code, term_ids, term_counts)
SELECT $1, $2, * FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::int[], $7::bigint[],
                             $8::bytea[], $9::bytea[], $10::bytea[])
ON CONFLICT (tenant_id, space, passage_id) DO UPDATE
SET generation = excluded.generation, code = excluded.code, term_ids = excluded.term_ids,
    term_counts = excluded.term_counts
"""
_AFFECTED = """
SELECT DISTINCT space, agent_id FROM passage_digests
WHERE tenant_id = $1 AND (document_id = $2 OR passage_id = ANY ($3::uuid[]))
ORDER BY space, agent_id
"""
_NOTE_REMOVAL = """
UPDATE knowledge_generations SET generation = generation + 1, removals = removals + 1
WHERE tenant_id = $1 AND space = $2 AND agent_id = $3
"""
_DELETE_DIGESTS = """
DELETE FROM passage_digests
WHERE tenant_id = $1 AND (passage_id = ANY ($4::uuid[])
    OR document_id = $2 AND document_version <> ALL ($3::int[]))
RETURNING space, passage_id
"""
_DELETE_VECTORS = """
DELETE FROM vectors_{dimension}
WHERE tenant_id = $1 AND space = $2 AND passage_id = ANY ($3::uuid[])
"""

Key = tuple[UUID, str, UUID]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Query:
    tenant_id: UUID
    space: EmbeddingSpace
    agent_id: UUID | None
    vector: Vectors
    terms: Sequence[str]
    limit: int


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
        statement = _UPSERT_VECTORS.format(**_table(space))
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
                _NEXT_GENERATION, tenant_id, space.name, list(set(agents))
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
                _UPSERT_DIGESTS,
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
            )

    async def search(
        self,
        tenant_id: UUID,
        space: EmbeddingSpace,
        *,
        agent_id: UUID | None,
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
            vector: The query's.
            terms: The query's.
            limit: How many hits at most.
            connection: One of a tenant transaction under way, to save a transaction.
        """
        query = _Query(
            tenant_id=tenant_id,
            space=space,
            agent_id=agent_id,
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
        near = index.nearest(vector.astype(np.float32, copy=False), limit=candidates)
        worded = index.matching([term_id(term) for term in terms], limit=candidates)
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
        return await self._delete(
            tenant_id, document_id=document_id, keep_versions=keep_versions, passage_ids=()
        )

    async def delete_passages(self, tenant_id: UUID, passage_ids: Sequence[UUID]) -> None:
        """Delete single points; unknown ids are ignored."""
        await self._delete(tenant_id, document_id=None, keep_versions=(), passage_ids=passage_ids)

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
        near: list[tuple[float, bytes]] = []
        worded: list[tuple[float, bytes]] = []
        for agent, generation, removals in await connection.fetch(
            _GENERATIONS, *place, query.agent_id
        ):
            index = await self._index(connection, (*place, agent), generation, removals)
            if index is not None:
                near += index.nearest(query.vector, limit=candidates)
                worded += index.matching(term_ids, limit=candidates)
                continue
            await connection.execute("SET LOCAL hnsw.iterative_scan = 'strict_order'")
            rows = await connection.fetch(
                _SCAN.format(**table), *place, agent, query.vector.tolist(), candidates
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
            for row in await connection.fetch(_CONFIRM, *place, [one.id for one in best])
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
                    count = await connection.fetchval(_COUNT, *key)
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
        row = await connection.fetchrow(_DIGESTS, *key, index.generation)
        if row is None:
            raise VectorStoreUnavailable
        new = Digests.from_bytes(*row)
        live_ids = None
        if removals > index.removals and index.segments:
            live_ids = np.frombuffer(await connection.fetchval(_LIVE_IDS, *key), dtype="S16")

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

    async def _delete(
        self,
        tenant_id: UUID,
        *,
        document_id: UUID | None,
        keep_versions: Collection[int],
        passage_ids: Sequence[UUID],
    ) -> int:
        ids = list(passage_ids)
        async with self._transaction(tenant_id) as connection:
            affected = await connection.fetch(_AFFECTED, tenant_id, document_id, ids)
            for space, agent_id in affected:
                await connection.execute(_NOTE_REMOVAL, tenant_id, space, agent_id)
            gone = await connection.fetch(
                _DELETE_DIGESTS, tenant_id, document_id, list(keep_versions), ids
            )
            by_space: dict[str, list[UUID]] = {}
            for space, passage_id in gone:
                by_space.setdefault(space, []).append(passage_id)
            for space, passages in by_space.items():
                dimension = int(space.rpartition("/")[2])
                await connection.execute(
                    _DELETE_VECTORS.format(dimension=dimension), tenant_id, space, passages
                )
        return len(gone)

    @asynccontextmanager
    async def _transaction(self, tenant_id: UUID) -> AsyncIterator[Connection]:
        try:
            async with self._database.lean(tenant_id) as connection:
                yield connection
        except (Unavailable, OSError, asyncpg.PostgresConnectionError) as error:
            raise VectorStoreUnavailable(retry_after_seconds=2) from error


def hnsw_index_statement(dimension: int) -> str:
    """Return the statement by which the owner builds an HNSW index for a table that needs one.

    It takes about 0.3 ms a vector to build, outside a transaction, and makes inserts ten times
    slower; below some 100,000 passages an agent it gains nothing.

    Raises:
        ValueError: There is no table of this dimension.
    """
    if dimension not in DIMENSIONS:
        raise ValueError(f"no table holds vectors of dimension {dimension}")
    operators = "halfvec_ip_ops" if dimension in HALF_DIMENSIONS else "vector_ip_ops"
    return (
        f"CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_vectors_{dimension}_hnsw "
        f"ON documents.vectors_{dimension} USING hnsw (embedding {operators})"
    )


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
