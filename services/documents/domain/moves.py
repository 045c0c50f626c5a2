"""Moving from one embedding model of the platform's to another, with both spaces kept meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.documents.domain.ports import EmbeddingChoice, EmbeddingSpace


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a tenant stands between two models: see `EmbeddingMove`."""

    live: str
    ended: bool


@dataclass(frozen=True, kw_only=True)
class TwoModels:
    """The platform's models: the one it has, and the one that it may move to."""

    first: EmbeddingChoice
    second: EmbeddingChoice

    @property
    def spaces(self) -> tuple[EmbeddingSpace, EmbeddingSpace]:
        """Of the first, and of the second."""
        return self.first.space, self.second.space

    @property
    def names(self) -> list[str]:
        """The names of the spaces."""
        return [space.name for space in self.spaces]

    def live(self, place: Place | None) -> EmbeddingChoice:
        """Return the model that a tenant is searched by; the first, for one without a place."""
        is_second = place is not None and place.live == self.second.space.name
        return self.second if is_second else self.first

    def other(self, place: Place | None) -> EmbeddingChoice:
        """Return the model that a tenant is not searched by."""
        return self.first if self.live(place) is self.second else self.second


@dataclass(frozen=True, kw_only=True)
class Filling:
    """How far a tenant's second space is filled.

    `lacking` counts the documents, among `documents`, that are in one of the spaces only.
    """

    live: str
    other: str
    ended: bool
    documents: int
    lacking: int


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A question to compare spaces by, and what should be found.

    Names of documents, or the passage that the question is from.
    """

    agent_id: UUID
    question: str
    documents: frozenset[str] = frozenset()
    passage_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a set of probes came to, in shares from 0 to 1, for the live space and the other.

    Attributes:
        found: Of the probes, where search as it is asked finds the right one among the best.
        found_by_meaning: By the vectors alone, without the words.
        agreement: Of the best passages, those that both spaces name.
    """

    probes: int
    found: tuple[float, float]
    found_by_meaning: tuple[float, float]
    agreement: float


class Places(Protocol):
    """Tells where tenants stand."""

    async def read(self, tenant_id: UUID) -> Place | None:
        """Return the tenant's place; None when it has not begun to move."""
        ...


def share(found: Sequence[bool]) -> float:
    """Return how much of a list is true; of an empty one nothing is."""
    return sum(found) / len(found) if found else 0.0
