"""Making a document's vectors again from its passages, without reading its file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.documents.domain.indexing import points_of, text_to_embed
from services.documents.domain.ports import Agents, EmbedderFactory, Passage, VectorStore
from services.documents.models import Document, StoredPassage
from services.documents.repositories.unit_of_work import OpenUnitOfWork

BATCH_SIZE: Final = 64

Terms = Callable[[str], dict[str, int]]


@dataclass(frozen=True, kw_only=True)
class FillVectors:
    """Write the vectors of a document's live version, in the space that it has."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    agents: Agents
    embedder_for: EmbedderFactory
    vectors: VectorStore
    terms_of: Terms

    async def __call__(self, document_id: UUID, *, version: int) -> int:
        """Return how many were written; none when the version is not live any more.

        A document whose agent has moved on to another space is left to `ReindexAgents`.

        Raises:
            Unavailable: A part that is needed is out of reach; running again may help.
            EmbeddingRejected: The model refuses.
        """
        document = await self._live(document_id, version)
        if document is None:
            return 0
        knowledge = await self.agents.find(self.tenant_id, document.agent_id)
        embedder = self.embedder_for(knowledge.embedding)
        if embedder.space.name != document.embedding_space:
            return 0
        title = document.title or document.filename
        done = 0
        while batch := await self._passages(document, offset=done):
            texts = [text_to_embed(passage, title=title) for passage in batch]
            vectors = await embedder.embed(texts, kind="passage")
            points = points_of(
                self.tenant_id,
                document,
                batch,
                texts,
                vectors,
                version=version,
                terms=self.terms_of,
            )
            await self.vectors.upsert(self.tenant_id, embedder.space, points)
            done += len(batch)
        if await self._live(document_id, version) is None:
            # Deleted or replaced meanwhile: its purge may have come before our last batch.
            await self._withdraw(document_id)
        return done

    async def _live(self, document_id: UUID, version: int) -> Document | None:
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(document_id)
        return document if document is not None and document.live_version == version else None

    async def _passages(self, document: Document, *, offset: int) -> Sequence[Passage]:
        async with self.unit_of_work() as uow:
            stored = await uow.passages.stretch(document, offset=offset, limit=BATCH_SIZE)
        return [_passage(one) for one in stored]

    async def _withdraw(self, document_id: UUID) -> None:
        async with self.unit_of_work() as uow:
            document = await uow.documents.get(document_id)
        keep: set[int] = set()
        if document is not None:
            deleted = document.deleted_at is not None
            keep = {document.version + 1} if deleted else document.versions_in_use
        await self.vectors.delete_document(self.tenant_id, document_id, keep_versions=keep)


def _passage(stored: StoredPassage) -> Passage:
    return Passage(
        position=stored.position,
        text=stored.text,
        page=stored.page,
        heading_path=tuple(stored.heading_path),
        char_start=stored.char_start,
        char_end=stored.char_end,
        token_estimate=stored.token_estimate,
    )
