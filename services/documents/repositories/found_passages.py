"""The last word on search hits: what the vector store named, PostgreSQL must confirm.

On the path of every question, so without SQLAlchemy: one transaction, one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from libs.common.database import Database, DatabaseUnavailable
from libs.common.database.connection import Connection, Record
from services.documents.domain.errors import VectorStoreUnavailable
from services.documents.domain.ports import (
    EmbeddingSpace,
    ReadQuery,
    VectorGuess,
    VectorHit,
    Vectors,
    VectorStore,
)
from services.documents.domain.readers import Reader
from services.documents.domain.search import FoundPassage

# Hits beyond what is wanted, for those that are not confirmed.
SPARE_HITS: Final = 5

# Of a hit that is deleted, superseded, another agent's or another tenant's, nothing remains. The
# sub-queries look rows up one by one: as plain joins, a planner without fresh statistics reads
# all of the tenant's passages instead (37 ms instead of 0.3 at 10,000).
_CONFIRM = """
SELECT h.ord, p.id, p.document_id, p.document_version, d.filename, d.source_url, p.position,
       p.page, p.heading_path, p.char_start, p.char_end, p.text
FROM unnest($2::uuid[]) WITH ORDINALITY AS h (id, ord)
CROSS JOIN LATERAL (
    SELECT * FROM passages WHERE tenant_id = $1 AND id = h.id AND deleted_at IS NULL LIMIT 1
) p
CROSS JOIN LATERAL (
    SELECT filename, source_url, live_version, agent_id, deleted_at, groups FROM documents
    WHERE tenant_id = $1 AND id = p.document_id LIMIT 1
) d
WHERE d.live_version = p.document_version AND d.deleted_at IS NULL
  AND ($3::uuid IS NULL OR d.agent_id = $3)
  AND (d.groups = '{}' OR $5::uuid[] IS NULL OR d.groups && $5)
ORDER BY h.ord
LIMIT $4
"""


class SearchesInTransaction(Protocol):
    """A vector store in our own database, which can search inside a transaction of ours."""

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
        """Name the best hits from memory, or None."""
        ...

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
        """Return the best hits; see `VectorStore.search`."""
        ...


@dataclass(frozen=True, kw_only=True)
class FindInBoth:
    """Fulfils `PassageFinder`: asks the vector store, then PostgreSQL."""

    database: Database
    vectors: VectorStore

    async def find(
        self,
        tenant_id: UUID,
        query: ReadQuery,
        *,
        agent_id: UUID | None,
        reader: Reader,
        document_ids: frozenset[UUID] | None = None,
        limit: int,
    ) -> tuple[FoundPassage, ...]:
        """Return the best passages that may be shown."""
        hits = await self.vectors.search(
            tenant_id,
            query.space,
            agent_id=agent_id,
            reader=reader,
            document_ids=document_ids,
            vector=query.vector,
            terms=query.terms,
            limit=limit + SPARE_HITS,
        )
        if not hits:
            return ()
        async with self.database.lean(tenant_id) as connection:
            return await _confirm(
                connection, tenant_id, hits, agent_id=agent_id, reader=reader, limit=limit
            )


@dataclass(frozen=True, kw_only=True)
class FindInOneTransaction:
    """Fulfils `PassageFinder` where vectors and passages share a database.

    Mostly nothing has changed since the last search of an agent: then the hits that the process
    names from memory are confirmed, and the memory with them, in a single statement.
    """

    database: Database
    vectors: SearchesInTransaction

    async def find(
        self,
        tenant_id: UUID,
        query: ReadQuery,
        *,
        agent_id: UUID | None,
        reader: Reader,
        document_ids: frozenset[UUID] | None = None,
        limit: int,
    ) -> tuple[FoundPassage, ...]:
        """Return the best passages that may be shown."""
        try:
            guessed = None
            if agent_id is not None:
                guessed = await self._guess(
                    tenant_id,
                    query,
                    agent_id=agent_id,
                    reader=reader,
                    document_ids=document_ids,
                    limit=limit,
                )
            if guessed is not None:
                return guessed
            async with self.database.lean(tenant_id) as connection:
                hits = await self.vectors.search(
                    tenant_id,
                    query.space,
                    agent_id=agent_id,
                    reader=reader,
                    document_ids=document_ids,
                    vector=query.vector,
                    terms=query.terms,
                    limit=limit + SPARE_HITS,
                    connection=connection,
                )
                return await _confirm(
                    connection, tenant_id, hits, agent_id=agent_id, reader=reader, limit=limit
                )
        except DatabaseUnavailable as error:
            raise VectorStoreUnavailable(retry_after_seconds=2) from error

    async def _guess(
        self,
        tenant_id: UUID,
        query: ReadQuery,
        *,
        agent_id: UUID,
        reader: Reader,
        document_ids: frozenset[UUID] | None,
        limit: int,
    ) -> tuple[FoundPassage, ...] | None:
        """Return what memory names, if PostgreSQL confirms that it is current and enough."""
        guess = self.vectors.guess(
            tenant_id,
            query.space,
            agent_id=agent_id,
            reader=reader,
            document_ids=document_ids,
            vector=query.vector,
            terms=query.terms,
            limit=limit + SPARE_HITS,
        )
        if guess is None:
            return None
        # Of migration 0007: as `_CONFIRM`, and with it how current the agent's passages are; a
        # row at least, when it has any.
        rows = await self.database.call(
            "confirm_readable_passages",
            tenant_id,
            guess.passage_ids[:limit],
            agent_id,
            limit,
            query.space.name,
            reader.group_list,
        )
        current = rows and (rows[0][0], rows[0][1]) == (guess.generation, guess.removals)
        if not current or not _is_enough(rows, guess, limit=limit):
            return None
        return _found([tuple(row)[2:] for row in rows], guess.scores)


def _is_enough(rows: Sequence[Record], guess: VectorGuess, *, limit: int) -> bool:
    """Tell whether the best hits are all confirmed: mostly, the spare ones are not needed."""
    confirmed = sum(row[3] is not None for row in rows)
    return confirmed == limit or len(guess.passage_ids) <= limit


async def _confirm(
    connection: Connection,
    tenant_id: UUID,
    hits: Sequence[VectorHit],
    *,
    agent_id: UUID | None,
    reader: Reader,
    limit: int,
) -> tuple[FoundPassage, ...]:
    """Return the passages of those hits that may be shown, in the order of the hits."""
    if not hits:
        return ()
    rows = await connection.fetch(
        _CONFIRM,
        tenant_id,
        [hit.passage_id for hit in hits],
        agent_id,
        limit,
        reader.group_list,
    )
    return _found([tuple(row) for row in rows], [hit.score for hit in hits])


def _found(rows: Sequence[tuple[Any, ...]], scores: Sequence[float]) -> tuple[FoundPassage, ...]:
    return tuple(
        FoundPassage(
            number=number,
            passage_id=row[1],
            document_id=row[2],
            document_version=row[3],
            document_name=row[4],
            url=row[5],
            position=row[6],
            page=row[7],
            heading_path=tuple(row[8]),
            char_start=row[9],
            char_end=row[10],
            text=row[11],
            score=scores[row[0] - 1],
        )
        # Where nothing was confirmed, a guess still has its one row, without a passage.
        for number, row in enumerate((row for row in rows if row[1] is not None), start=1)
    )
