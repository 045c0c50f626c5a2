"""Where tenants stand between the platform's two embedding models, and what is left to fill."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database import Database
from services.documents.domain.moves import Place
from services.documents.domain.ports import EmbeddingSpace

_READ = "SELECT live, ended FROM embedding_moves WHERE tenant_id = $1"
# There may be no row to lock. Whoever shows a document shares the lock, whoever flips has it alone.
_HOLD = text(
    "SELECT pg_advisory_xact_lock_shared(hashtextextended('embedding_moves ' || :tenant_id, 0))"
)
_HOLD_ALONE = text(
    "SELECT pg_advisory_xact_lock(hashtextextended('embedding_moves ' || :tenant_id, 0))"
)
_PLACE = text("SELECT live, ended, changed_at FROM embedding_moves WHERE tenant_id = :tenant_id")
_NOTE = text(
    """
    INSERT INTO embedding_moves (tenant_id, live, ended) VALUES (:tenant_id, :live, :ended)
    ON CONFLICT (tenant_id) DO UPDATE
    SET live = excluded.live, ended = excluded.ended, changed_at = now()
    """
)
_MOVING = """
    tenant_id = :tenant_id AND agent_id = ANY (:agents) AND deleted_at IS NULL
    AND live_version IS NOT NULL AND embedding_space = ANY (:spaces)
"""
_LACKS = "(second_space IS NULL OR second_space = embedding_space OR second_space <> ALL (:spaces))"
_COUNT = text(
    f"SELECT count(*), count(*) FILTER (WHERE {_LACKS}) FROM documents WHERE {_MOVING}"  # noqa: S608
)
_LACKING = text(
    f"SELECT id, live_version FROM documents WHERE {_MOVING} AND {_LACKS}"  # noqa: S608
    " AND (CAST(:after AS uuid) IS NULL OR id > :after) ORDER BY id LIMIT :limit"
)
_SWAP = text(
    """
    UPDATE documents
    SET embedding_space = :live, second_space = :other, embedding_model = :model
    WHERE tenant_id = :tenant_id AND embedding_space = :other AND second_space = :live
    """
)
_FILLED = text(
    """
    UPDATE documents SET second_space = :space
    WHERE tenant_id = :tenant_id AND id = :id AND live_version = :version AND deleted_at IS NULL
      AND embedding_space <> :space
    """
)
_IN_SECOND = text(
    """
    SELECT id FROM documents
    WHERE tenant_id = :tenant_id AND second_space = :space AND agent_id <> ALL (:kept)
    ORDER BY id LIMIT :limit
    """
)
_LEFT_SECOND = text(
    """
    UPDATE documents SET second_space = NULL
    WHERE tenant_id = :tenant_id AND id = ANY (:ids) AND second_space = :space
    """
)
# Ids of passages are hashes: the first of them are as good as drawn by lot.
_SAMPLE = text(
    """
    SELECT p.id, d.agent_id, p.text
    FROM passages p JOIN documents d ON d.tenant_id = p.tenant_id AND d.id = p.document_id
    WHERE p.tenant_id = :tenant_id AND p.deleted_at IS NULL AND d.deleted_at IS NULL
      AND d.live_version = p.document_version AND d.second_space IS NOT NULL
    ORDER BY p.id LIMIT :limit
    """
)


@dataclass(frozen=True, kw_only=True)
class MoveLookup:
    """Fulfils `Places`."""

    database: Database

    async def read(self, tenant_id: UUID) -> Place | None:
        """Return the tenant's place; None when it has not begun to move."""
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_READ, tenant_id)
        return None if row is None else Place(live=row[0], ended=row[1])


class MoveRepository:
    """One tenant's move."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def held(self, *, alone: bool = False) -> tuple[Place | None, datetime | None]:
        """Return the place, which does not change before this transaction ends, and since when.

        Args:
            alone: Nobody shows a document of the tenant's meanwhile.
        """
        await self.session.execute(
            _HOLD_ALONE if alone else _HOLD, {"tenant_id": str(self.tenant_id)}
        )
        row = (await self.session.execute(_PLACE, {"tenant_id": self.tenant_id})).first()
        return (None, None) if row is None else (Place(live=row[0], ended=row[1]), row[2])

    async def note(self, place: Place) -> None:
        """Put the tenant there."""
        await self.session.execute(
            _NOTE, {"tenant_id": self.tenant_id, "live": place.live, "ended": place.ended}
        )

    async def count(self, agents: Sequence[UUID], spaces: Sequence[str]) -> tuple[int, int]:
        """Return how many documents of the agents are shown, and how many in one space only."""
        found = await self.session.execute(
            _COUNT, {"tenant_id": self.tenant_id, "agents": list(agents), "spaces": list(spaces)}
        )
        row = found.one()
        return row[0], row[1]

    async def lacking(
        self, agents: Sequence[UUID], spaces: Sequence[str], *, after: UUID | None, limit: int
    ) -> Sequence[tuple[UUID, int]]:
        """Return documents in one space only, with their live version, in order of their ids."""
        rows = await self.session.execute(
            _LACKING,
            {
                "tenant_id": self.tenant_id,
                "agents": list(agents),
                "spaces": list(spaces),
                "after": after,
                "limit": limit,
            },
        )
        return [(row[0], row[1]) for row in rows]

    async def swap(self, *, live: EmbeddingSpace, other: EmbeddingSpace) -> None:
        """Name the live space first in all documents that have both."""
        values = {"live": live.name, "other": other.name, "model": live.model}
        await self.session.execute(_SWAP, {"tenant_id": self.tenant_id, **values})

    async def note_filled(self, document_id: UUID, *, version: int, space: EmbeddingSpace) -> None:
        """Note that all vectors of a live version are in this space too."""
        values = {"id": document_id, "version": version, "space": space.name}
        await self.session.execute(_FILLED, {"tenant_id": self.tenant_id, **values})

    async def in_second(
        self, space: EmbeddingSpace, *, kept: Sequence[UUID], limit: int
    ) -> Sequence[UUID]:
        """Return documents with vectors in this space besides the live one's, but for `kept`.

        Args:
            space: The space.
            kept: Agents whose documents are not meant.
            limit: How many at most.
        """
        values = {"space": space.name, "kept": list(kept), "limit": limit}
        return (
            await self.session.scalars(_IN_SECOND, {"tenant_id": self.tenant_id, **values})
        ).all()

    async def note_left(self, document_ids: Sequence[UUID], space: EmbeddingSpace) -> None:
        """Note that documents have no vectors there any more."""
        values = {"tenant_id": self.tenant_id, "ids": list(document_ids), "space": space.name}
        await self.session.execute(_LEFT_SECOND, values)

    async def sample(self, limit: int) -> Sequence[tuple[UUID, UUID, str]]:
        """Return some passages that are in both spaces: id, agent, text."""
        rows = await self.session.execute(_SAMPLE, {"tenant_id": self.tenant_id, "limit": limit})
        return [(row[0], row[1], row[2]) for row in rows]
