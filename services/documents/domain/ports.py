"""What the documents service asks of the world, and the values that pass through.

Use cases depend on these shapes only; `adapters/` fulfils them.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from services.documents.domain.readers import Reader
from services.documents.domain.search import FoundPassage

Vectors = NDArray[np.float32]

# Ids of passages are derived, so that a job that runs twice writes the same rows and points.
PASSAGE_NAMESPACE = UUID("6f1d2b0e-6f0c-5d0a-9a53-0f5f3c7f1a8e")


def passage_id(tenant_id: UUID, document_id: UUID, *, version: int, position: int) -> UUID:
    """Return the id of a passage, the same in PostgreSQL and in the vector store."""
    return uuid5(PASSAGE_NAMESPACE, f"{tenant_id}/{document_id}/{version}/{position}")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A piece of a document as its author laid it out: a paragraph, a list, a table.

    `char_start` and `char_end` are a span of `ParsedDocument.text`.
    """

    text: str
    page: int | None
    heading_path: tuple[str, ...]
    char_start: int
    char_end: int


@dataclass(frozen=True, kw_only=True)
class ParsedDocument:
    """A document's normalised text with its structure.

    `document_type` is one of pdf, docx, pptx, xlsx, csv, html, md, txt, json, xml.
    """

    text: str
    blocks: tuple[Block, ...]
    media_type: str
    document_type: str
    page_count: int | None
    word_count: int
    title: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A piece of text that search can return; its span is one of the document's text."""

    position: int
    text: str
    page: int | None
    heading_path: tuple[str, ...]
    char_start: int
    char_end: int
    token_estimate: int


@dataclass(frozen=True, kw_only=True)
class EmbeddingSpace:
    """Vectors can be compared within one space only: one model, one dimension."""

    model: str
    dimension: int

    @property
    def name(self) -> str:
        """The space's key in tables and collections."""
        return f"{self.model}/{self.dimension}"


def space_named(name: str) -> EmbeddingSpace:
    """Return the space whose `name` this is."""
    model, _, dimension = name.rpartition("/")
    return EmbeddingSpace(model=model, dimension=int(dimension))


@dataclass(frozen=True, kw_only=True, eq=False)
class VectorPoint:
    """A passage as the vector store keeps it.

    `id` is `passage_id(...)`; `vector` has the space's dimension; `terms` maps a term
    of the passage to how often it occurs; `groups` are those that may read it, none for all.
    """

    id: UUID
    document_id: UUID
    document_version: int
    agent_id: UUID
    position: int
    vector: Vectors
    terms: dict[str, int] = field(default_factory=dict)
    groups: tuple[UUID, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VectorHit:
    """A candidate, not yet checked against PostgreSQL. Ranks count from 1."""

    passage_id: UUID
    document_id: UUID
    document_version: int
    score: float
    dense_rank: int | None
    sparse_rank: int | None


@dataclass(frozen=True, kw_only=True)
class VectorGuess:
    """The best hits by what a process remembers of an agent, good while nothing has changed.

    `passage_ids` and `scores` are in the order of the hits, best first.
    """

    generation: int
    removals: int
    passage_ids: tuple[UUID, ...]
    scores: tuple[float, ...]


class Parser(Protocol):
    """Reads any supported file, at arm's length: hostile bytes cannot harm the caller."""

    async def parse(
        self, content: bytes | Path, *, filename: str, scans: bool = True
    ) -> ParsedDocument:
        """Return the document's text and structure.

        Args:
            content: All of it, or where it is.
            filename: Tells kinds of text apart.
            scans: Recognise pages that are pictures, which takes seconds for each.

        Raises:
            UnreadableDocument: The file is at fault; trying again would not help.
            ScanFound: It has pages to be recognised, and `scans` is off.
        """
        ...


class Embedder(Protocol):
    """Turns texts into vectors of one space."""

    @property
    def space(self) -> EmbeddingSpace:
        """The space that the vectors belong to."""
        ...

    async def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        """Return an array of shape (n, dimension), unit length, in the order of `texts`.

        Raises:
            EmbeddingUnavailable: The model does not answer; trying later may help.
            EmbeddingRejected: The model refuses (key, model name, dimension).
        """
        ...


class Reranker(Protocol):
    """Judges how well each text answers a query."""

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """Return a score from 0 to 1 for each text, in the order of `texts`.

        Raises:
            RerankUnavailable: The model does not answer.
        """
        ...


class VectorStore(Protocol):
    """Finds passages by meaning and by words. Every call is narrowed to one tenant.

    Every method raises `VectorStoreUnavailable` when the store is out of reach.
    """

    async def upsert(
        self, tenant_id: UUID, space: EmbeddingSpace, points: Sequence[VectorPoint]
    ) -> None:
        """Add the points; those with a known id are replaced."""
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
    ) -> list[VectorHit]:
        """Return the best hits of dense and sparse search, fused by reciprocal rank.

        `agent_id` narrows to one agent's documents; without it the whole tenant is searched.
        What `reader` may not read takes no part, nor do documents that are not among
        `document_ids`, where these are given.
        """
        ...

    async def set_groups(self, tenant_id: UUID, document_id: UUID, groups: Sequence[UUID]) -> None:
        """Change who may read a document's points."""
        ...

    async def delete_document(
        self, tenant_id: UUID, document_id: UUID, *, keep_versions: Collection[int] = ()
    ) -> int:
        """Delete a document's points, save those of `keep_versions`; return how many."""
        ...

    async def count(self, tenant_id: UUID, document_id: UUID) -> int:
        """Return how many points of a document are stored, over all versions."""
        ...


class BlobStore(Protocol):
    """Keeps files, encrypted. Keys begin with the tenant."""

    async def put(self, tenant_id: UUID, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Store the stream under `key`, whole or not at all.

        Raises:
            BlobStoreUnavailable: The store does not answer or has no room.
        """
        ...

    def read(self, tenant_id: UUID, key: str) -> AsyncIterator[bytes]:
        """Yield the plaintext in chunks.

        Raises:
            BlobMissing: There is no such blob.
            BlobStoreUnavailable: The store does not answer.
        """
        ...

    async def delete(self, tenant_id: UUID, keys: Sequence[str]) -> None:
        """Delete blobs; unknown keys are ignored."""
        ...

    def list_keys(self, tenant_id: UUID | None = None) -> AsyncIterator["StoredBlob"]:
        """Yield what is stored, of one tenant or of all, for sweeping."""
        ...


@dataclass(frozen=True, kw_only=True)
class StoredBlob:
    """A blob as listed: its full key, begun by the tenant, and its age in seconds."""

    tenant_id: UUID
    key: str
    age_seconds: float


@dataclass(frozen=True, kw_only=True)
class AgentKnowledge:
    """What this service needs to know of an agent.

    Attributes:
        embedding: None when the agent uses the platform's own model.
        beside: Another model in whose space its documents are kept as well, while the platform
            moves from one to another.
    """

    agent_id: UUID
    name: str
    embedding: "EmbeddingChoice | None"
    beside: "EmbeddingChoice | None" = None


@dataclass(frozen=True, kw_only=True)
class EmbeddingChoice:
    """An agent's own embedding model."""

    provider: str
    model: str
    dimension: int
    base_url: str
    api_key: str | None = field(repr=False)

    @property
    def space(self) -> EmbeddingSpace:
        """Where its vectors belong."""
        return EmbeddingSpace(model=self.model, dimension=self.dimension)


class Agents(Protocol):
    """The agents service, as far as documents need it."""

    async def find(self, tenant_id: UUID, agent_id: UUID, *, fresh: bool = False) -> AgentKnowledge:
        """Return the tenant's agent, as it was some seconds ago or, if `fresh`, as it is.

        Raises:
            AgentNotFound: The tenant has no such agent.
            AgentsUnavailable: The agents service does not answer.
        """
        ...


class EmbedderFactory(Protocol):
    """Gives the embedder for an agent's choice; None stands for the platform's own."""

    def __call__(self, choice: EmbeddingChoice | None) -> Embedder:
        """Return an embedder; cheap to call again for the same choice."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadQuery:
    """A query as search needs it."""

    space: EmbeddingSpace
    vector: Vectors
    terms: tuple[str, ...]


class QueryReader(Protocol):
    """Turns queries into vectors and terms; remembers those asked lately."""

    async def read(
        self, tenant_id: UUID, query: str, *, choice: EmbeddingChoice | None
    ) -> ReadQuery:
        """Return the query in the space of an agent's embedding model.

        Raises:
            EmbeddingUnavailable: The model does not answer.
            EmbeddingRejected: The model refuses.
        """
        ...


class PassageFinder(Protocol):
    """Finds passages that may be shown: named by the vector store, confirmed by PostgreSQL."""

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
        """Return the best passages of live, undeleted documents, numbered from 1.

        Args:
            tenant_id: Whose passages.
            query: In the space that is searched.
            agent_id: Whose documents; None for all of the tenant's.
            reader: Who asks; nothing else is found, and nothing else ranked.
            document_ids: Only in these; None for all.
            limit: How many passages at most.

        Raises:
            VectorStoreUnavailable: The knowledge base is out of reach.
        """
        ...
