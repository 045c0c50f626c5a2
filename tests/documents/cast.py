"""The cast of the documents tests: two companies, and stand-ins for the costly ports."""

import hashlib
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

import numpy as np

from libs.common.database import Database
from libs.common.ids import new_id
from services.documents.domain.documents import Labels, Upload
from services.documents.domain.errors import (
    AgentNotFound,
    AgentRequired,
    BlobMissing,
    EmbeddingUnavailable,
    EncryptedDocument,
    RerankUnavailable,
    ScanFound,
    VectorStoreUnavailable,
)
from services.documents.domain.ports import (
    AgentKnowledge,
    Block,
    Embedder,
    EmbeddingChoice,
    EmbeddingSpace,
    ParsedDocument,
    Passage,
    StoredBlob,
    VectorHit,
    VectorPoint,
    Vectors,
)
from services.documents.domain.readers import Reader
from services.documents.models import Document
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Tenant:
    """A company with one agent."""

    id: UUID
    agent_id: UUID
    database: Database

    def unit_of_work(self, *, read_only: bool = False) -> DocumentsUnitOfWork:
        return DocumentsUnitOfWork(self.database, self.id, read_only=read_only)

    async def add(self, *documents: Document) -> None:
        """Insert documents."""
        async with self.unit_of_work() as uow:
            for document in documents:
                uow.documents.add(document)

    async def get(self, document_id: UUID) -> Document:
        """Return a document as it stands now."""
        async with self.unit_of_work() as uow:
            found = await uow.documents.get(document_id)
        assert found is not None
        return found


def make_document(agent_id: UUID, *, filename: str = "handbook.md", **changes: object) -> Document:
    """Make a document that waits to be indexed; no two have the same content."""
    id_ = new_id()
    document = Document.pending(
        id=id_,
        agent_id=agent_id,
        filename=filename,
        document_type="md",
        size_bytes=100,
        content_hash=hashlib.sha256(id_.bytes).digest(),
        uploaded_by=None,
        extra={},
        now=NOON,
    )
    for name, value in changes.items():
        setattr(document, name, value)
    return document


def make_passage(position: int = 0, text: str = "Returns are accepted for 30 days.") -> Passage:
    """Make a passage that begins where its position says, in thousands."""
    start = position * 1000
    return Passage(
        position=position,
        text=text,
        page=position + 1,
        heading_path=("Returns", f"Part {position}"),
        char_start=start,
        char_end=start + len(text),
        token_estimate=len(text) // 4,
    )


class KnownAgents:
    """Fulfils `Agents` from a table of who has which."""

    def __init__(self, *tenants: Tenant) -> None:
        self.known = {(tenant.id, tenant.agent_id) for tenant in tenants}
        self.embedding: EmbeddingChoice | None = None

    async def find(self, tenant_id: UUID, agent_id: UUID, *, fresh: bool = False) -> AgentKnowledge:
        if (tenant_id, agent_id) not in self.known:
            raise AgentNotFound
        return AgentKnowledge(agent_id=agent_id, name="Ada", embedding=self.embedding)


class MemoryBlobs:
    """Fulfils `BlobStore` in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[UUID, str], bytes] = {}
        self.age_seconds = 0.0

    async def put(self, tenant_id: UUID, key: str, chunks: AsyncIterator[bytes]) -> None:
        self.kept[tenant_id, key] = b"".join([chunk async for chunk in chunks])

    async def read(self, tenant_id: UUID, key: str) -> AsyncIterator[bytes]:
        if (tenant_id, key) not in self.kept:
            raise BlobMissing
        yield self.kept[tenant_id, key]

    async def delete(self, tenant_id: UUID, keys: Sequence[str]) -> None:
        for key in keys:
            self.kept.pop((tenant_id, key), None)

    async def list_keys(self, tenant_id: UUID | None = None) -> AsyncIterator[StoredBlob]:
        for owner, key in list(self.kept):
            if tenant_id in (None, owner):
                yield StoredBlob(tenant_id=owner, key=key, age_seconds=self.age_seconds)


class WordEmbedder:
    """Fulfils `Embedder`: texts that share words are alike."""

    def __init__(self, *, dimension: int = 384, model: str = "words") -> None:
        self.space = EmbeddingSpace(model=model, dimension=dimension)
        self.calls: list[int] = []
        self.down = False

    async def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        if self.down:
            raise EmbeddingUnavailable
        self.calls.append(len(texts))
        vectors = np.zeros((len(texts), self.space.dimension), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                digest = hashlib.blake2b(word.strip(".,?!").encode(), digest_size=4).digest()
                row[int.from_bytes(digest, "big") % self.space.dimension] += 1
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.maximum(norms, 1e-9)
        return vectors

    def __call__(self, choice: EmbeddingChoice | None) -> Embedder:
        """Fulfil `EmbedderFactory`: one model for all."""
        return self


@dataclass
class Form:
    """Fulfils `UploadForm` from values."""

    contents: list[tuple[str, bytes]]
    agent: UUID | None
    addresses: list[str] = field(default_factory=list)
    chunk_bytes: int = 1000
    said: Labels = field(default_factory=Labels)
    document: UUID | None = None
    replaces: bool = True

    async def files(self) -> AsyncIterator[Upload]:
        for filename, content in self.contents:
            yield Upload(filename=filename, chunks=self._chunks(content))

    async def _chunks(self, content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), self.chunk_bytes):
            yield content[start : start + self.chunk_bytes]

    def agent_id(self) -> UUID:
        if self.agent is None:
            raise AgentRequired
        return self.agent

    def document_id(self) -> UUID | None:
        return self.document

    def replace(self) -> bool:
        return self.replaces

    def urls(self) -> list[str]:
        return self.addresses

    def labels(self) -> Labels:
        return self.said

    def extra(self) -> dict[str, str]:
        return {}


def new_agent_id() -> UUID:
    """Return an agent's id that nobody has."""
    return uuid4()


class MemoryVectors:
    """Fulfils `VectorStore` in memory, by meaning only; can be made to fail."""

    def __init__(self) -> None:
        self.points: dict[tuple[UUID, UUID], tuple[EmbeddingSpace, VectorPoint]] = {}
        self.down = False

    def _check(self) -> None:
        if self.down:
            raise VectorStoreUnavailable

    async def upsert(
        self, tenant_id: UUID, space: EmbeddingSpace, points: Sequence[VectorPoint]
    ) -> None:
        self._check()
        for point in points:
            self.points[tenant_id, point.id] = (space, point)

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
        self._check()
        mine = [
            (float(point.vector @ vector), point)
            for (owner, _), (kept_space, point) in self.points.items()
            if owner == tenant_id
            and kept_space == space
            and agent_id in (None, point.agent_id)
            and reader.may_read(point.groups)
            and (document_ids is None or point.document_id in document_ids)
        ]
        mine.sort(key=lambda pair: -pair[0])
        return [
            VectorHit(
                passage_id=point.id,
                document_id=point.document_id,
                document_version=point.document_version,
                score=score,
                dense_rank=rank,
                sparse_rank=None,
            )
            for rank, (score, point) in enumerate(mine[:limit], start=1)
        ]

    async def delete_document(
        self, tenant_id: UUID, document_id: UUID, *, keep_versions: Collection[int] = ()
    ) -> int:
        self._check()
        gone = [
            key
            for key, (_, point) in self.points.items()
            if key[0] == tenant_id
            and point.document_id == document_id
            and point.document_version not in keep_versions
        ]
        for key in gone:
            del self.points[key]
        return len(gone)

    async def set_groups(self, tenant_id: UUID, document_id: UUID, groups: Sequence[UUID]) -> None:
        self._check()
        for key, (space, point) in self.points.items():
            if key[0] == tenant_id and point.document_id == document_id:
                self.points[key] = (space, replace(point, groups=tuple(groups)))

    async def count(self, tenant_id: UUID, document_id: UUID) -> int:
        self._check()
        return sum(
            owner == tenant_id and point.document_id == document_id
            for (owner, _), (_, point) in self.points.items()
        )


class LineParser:
    """Fulfils `Parser`: each line is a paragraph, `# ` begins a heading; knows some bad files."""

    async def parse(
        self, content: bytes | Path, *, filename: str, scans: bool = True
    ) -> ParsedDocument:
        data = content if isinstance(content, bytes) else b""
        if data.startswith(b"%scan") and not scans:
            raise ScanFound
        if data.startswith(b"%locked"):
            raise EncryptedDocument
        text = data.decode()
        blocks: list[Block] = []
        heading: tuple[str, ...] = ()
        start = 0
        for line in text.splitlines(keepends=True):
            words = line.strip()
            if words.startswith("# "):
                heading = (words[2:],)
            elif words:
                blocks.append(
                    Block(
                        text=words,
                        page=None,
                        heading_path=heading,
                        char_start=start,
                        char_end=start + len(words),
                    )
                )
            start += len(line)
        return ParsedDocument(
            text=text,
            blocks=tuple(blocks),
            media_type="text/markdown",
            document_type="md",
            page_count=None,
            word_count=len(text.split()),
            title=heading[0] if heading else None,
            warnings=(),
        )


class WordReranker:
    """Fulfils `Reranker`: the share of the query's words that a text has."""

    def __init__(self) -> None:
        self.down = False
        self.calls: list[int] = []

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        if self.down:
            raise RerankUnavailable
        self.calls.append(len(texts))
        wanted = {word.strip(".,?!") for word in query.lower().split()}
        return [
            len(wanted & {word.strip(".,?!") for word in text.lower().split()}) / len(wanted)
            for text in texts
        ]
