"""Making a document's vectors again from its passages, without reading its file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.documents.domain.indexing import points_of, text_to_embed
from services.documents.domain.jobs import SetGroups
from services.documents.domain.ports import (
    Agents,
    Embedder,
    EmbedderFactory,
    Passage,
    VectorStore,
)
from services.documents.models import Document, StoredPassage
from services.documents.repositories.unit_of_work import OpenUnitOfWork

BATCH_SIZE: Final = 64

Terms = Callable[[str], dict[str, int]]


@dataclass(frozen=True, kw_only=True)
class FillVectors:
    """Write the vectors of a document's live version, in the spaces that it has or lacks."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    agents: Agents
    embedder_for: EmbedderFactory
    vectors: VectorStore
    terms_of: Terms

    async def __call__(self, document_id: UUID, *, version: int, beside: bool = False) -> int:
        """Return how many were written; none when the version is not live any more.

        A document whose agent has moved on to another space is left to `ReindexAgents`.

        Args:
            document_id: Which document.
            version: Which must be live.
            beside: Fill the space that it lacks of two; else those that it has.

        Raises:
            Unavailable: A part that is needed is out of reach; running again may help.
            EmbeddingRejected: The model refuses.
        """
        document = await self._live(document_id, version)
        if document is None:
            return 0
        # The move that this job belongs to may have begun a moment ago.
        knowledge = await self.agents.find(self.tenant_id, document.agent_id, fresh=beside)
        embedders = [self.embedder_for(knowledge.embedding)]
        if knowledge.beside is not None:
            embedders.append(self.embedder_for(knowledge.beside))
        has = {document.embedding_space, document.second_space}
        wanted = [one for one in embedders if one.space.name in has]
        if beside and wanted:
            wanted = [one for one in embedders if one.space.name not in has]
        done = 0
        for embedder in wanted:
            done += await self._fill(document, version, embedder)
        now = await self._live(document_id, version)
        if now is None:
            # Deleted or replaced meanwhile: its purge may have come before our last batch.
            await self._withdraw(document_id)
            return done
        async with self.unit_of_work() as uow:
            if set(now.groups) != set(document.groups):
                # Changed while the vectors were written, which say what was before.
                uow.jobs.add(SetGroups(document_id=document_id))
            if beside and knowledge.beside is not None:
                place, _ = await uow.moves.held()
                for embedder in wanted if place is None or not place.ended else ():
                    await uow.moves.note_filled(document_id, version=version, space=embedder.space)
        return done

    async def _fill(self, document: Document, version: int, embedder: Embedder) -> int:
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
