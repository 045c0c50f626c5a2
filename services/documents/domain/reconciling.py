"""What the reconciler compares, and what it can find."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from services.documents.domain.ports import EmbeddingSpace


class Disagreement(StrEnum):
    """A way in which PostgreSQL, the vectors and the object store can disagree."""

    VECTORS_MISSING = "vectors_missing"
    VECTORS_ORPHANED = "vectors_orphaned"
    FILE_MISSING = "file_missing"
    FILE_ORPHANED = "file_orphaned"
    PASSAGES_MISSING = "passages_missing"
    FORGOTTEN = "forgotten"


class Repair(StrEnum):
    """What became of a disagreement."""

    DONE = "repaired"
    QUEUED = "queued"
    NONE = "left"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A disagreement about one document or file.

    `count` is how many passages, vectors or files it is about.
    """

    kind: Disagreement
    subject: UUID
    count: int
    repair: Repair = Repair.NONE


@dataclass(frozen=True, kw_only=True)
class StoredPoint:
    """A vector as the store has it.

    `space` is the store's own label of a space, see `VectorInventory.label`. One that is not
    `whole` lacks a part of what search needs and has to be written again.
    """

    id: UUID
    document_id: UUID
    document_version: int
    space: str
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class KnownDocument:
    """A document as PostgreSQL has it.

    Attributes:
        spaces: Where its vectors are: one, or two while the platform moves.
        passages: The ids of the live version's passages.
        wanted_by_job: A job that will index it is queued or running.
    """

    id: UUID
    blob_id: UUID
    version: int
    live_version: int | None
    status: str
    deleted: bool
    spaces: tuple[EmbeddingSpace, ...]
    passage_count: int
    passages: frozenset[UUID]
    wanted_by_job: bool


class VectorInventory(Protocol):
    """Tells what a vector store holds, for comparison; every call but one is a tenant's."""

    def label(self, space: EmbeddingSpace) -> str:
        """Return the store's own name of a space."""
        ...

    async def tenants(self) -> set[UUID]:
        """Return the tenants with vectors, as far as the store can tell them."""
        ...

    def documents(self, tenant_id: UUID) -> AsyncIterator[Sequence[UUID]]:
        """Yield the documents that have vectors, in batches; one may come twice."""
        ...

    async def points_of(
        self, tenant_id: UUID, document_ids: Sequence[UUID]
    ) -> Sequence[StoredPoint]:
        """Return all vectors of some documents, over all spaces and versions."""
        ...

    async def delete(self, tenant_id: UUID, points: Sequence[StoredPoint]) -> None:
        """Delete vectors, each in its space only."""
        ...
