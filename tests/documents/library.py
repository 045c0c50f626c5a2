"""A documents service in miniature, for tests of use cases: real PostgreSQL, stand-ins around."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from services.documents.adapters.queries import RememberedQueries
from services.documents.domain.documents import Stage, blob_key
from services.documents.domain.readers import NO_GROUPS, Reader
from services.documents.domain.terms import terms_of
from services.documents.models import Document
from services.documents.repositories.found_passages import FindInBoth
from services.documents.repositories.indexing import IndexingState
from services.documents.use_cases.delete_documents import DeleteDocument
from services.documents.use_cases.fail_document import FailDocument
from services.documents.use_cases.fill_vectors import FillVectors
from services.documents.use_cases.follow_agent import FollowAgent
from services.documents.use_cases.index_document import IndexDocument
from services.documents.use_cases.purge_vectors import PurgeVectors
from services.documents.use_cases.restore_document import RestoreDocument
from services.documents.use_cases.search_passages import SearchPassages
from tests.documents.cast import (
    KnownAgents,
    LineParser,
    MemoryBlobs,
    Tenant,
    WordEmbedder,
    WordReranker,
    make_document,
)


async def unheard(share: float, stage: Stage) -> None:
    """Hear of progress, and do nothing."""


@dataclass
class Library:
    """The use cases of one tenant."""

    tenant: Tenant
    blobs: MemoryBlobs
    agents: KnownAgents
    vectors: Any  # MemoryVectors, mostly: tests look into it
    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    reranker: WordReranker = field(default_factory=WordReranker)

    @property
    def index(self) -> IndexDocument:
        return IndexDocument(
            tenant_id=self.tenant.id,
            unit_of_work=self.tenant.unit_of_work,
            state=IndexingState(database=self.tenant.database),
            blobs=self.blobs,
            agents=self.agents,
            parser=LineParser(),
            embedder_for=self.embedder,
            vectors=self.vectors,
            terms_of=terms_of,
            fail=FailDocument(unit_of_work=self.tenant.unit_of_work),
        )

    @property
    def delete(self) -> DeleteDocument:
        return DeleteDocument(unit_of_work=self.tenant.unit_of_work)

    @property
    def restore(self) -> RestoreDocument:
        return RestoreDocument(unit_of_work=self.tenant.unit_of_work)

    @property
    def purge(self) -> PurgeVectors:
        return PurgeVectors(
            tenant_id=self.tenant.id,
            unit_of_work=self.tenant.unit_of_work,
            vectors=self.vectors,
        )

    @property
    def fill(self) -> FillVectors:
        return FillVectors(
            tenant_id=self.tenant.id,
            unit_of_work=self.tenant.unit_of_work,
            agents=self.agents,
            embedder_for=self.embedder,
            vectors=self.vectors,
            terms_of=terms_of,
        )

    @property
    def follow_agent(self) -> FollowAgent:
        return FollowAgent(
            tenant_id=self.tenant.id, unit_of_work=self.tenant.unit_of_work, agents=self.agents
        )

    def search(self, *, reranked: bool = False, reader: Reader = NO_GROUPS) -> SearchPassages:
        return SearchPassages(
            tenant_id=self.tenant.id,
            reader=reader,
            unit_of_work=self.tenant.unit_of_work,
            agents=self.agents,
            queries=RememberedQueries(self.embedder, terms_of),
            passages=FindInBoth(database=self.tenant.database, vectors=self.vectors),
            reranker=self.reranker if reranked else None,
            gate=0.3,
        )

    async def found(self, query: str) -> list[str]:
        """Return the texts that a search finds."""
        outcome = await self.search()(query, agent_id=self.tenant.agent_id, limit=5)
        return [passage.text for passage in outcome.passages]

    async def add(self, text: str, *, filename: str = "handbook.md") -> Document:
        """Keep a file and its row, not yet indexed."""
        content = text.encode()
        document = make_document(
            self.tenant.agent_id,
            filename=filename,
            size_bytes=len(content),
            content_hash=hashlib.sha256(content).digest(),
        )
        self.blobs.kept[self.tenant.id, blob_key(document.blob_id)] = content
        await self.tenant.add(document)
        return document

    async def run(self, document: Document, *, version: int = 1) -> None:
        """Do a document's index job once."""
        await self.index(document.id, version=version, tell_progress=unheard)

    async def add_indexed(self, text: str, *, filename: str = "handbook.md") -> Document:
        """Keep a file and index it."""
        document = await self.add(text, filename=filename)
        await self.run(document)
        return await self.tenant.get(document.id)
