"""From a file to passages that search can find.

The job may be killed at any point and run again: vectors are stored under ids that depend only on
tenant, document, version and position, and nothing is shown before the last transaction, which
stores the passages, makes the version live and tells the other services.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from libs.common.events.catalogue.documents import DocumentIndexed
from services.documents.domain.documents import Stage, blob_key
from services.documents.domain.errors import (
    AgentNotFound,
    BlobMissing,
    EmbeddingRejected,
    EmbeddingUnavailable,
    NoText,
    SpaceMoved,
    UnreadableDocument,
)
from services.documents.domain.indexing import in_batches, points_of, text_to_embed
from services.documents.domain.jobs import PurgeVectors, SetGroups
from services.documents.domain.moves import Place
from services.documents.domain.ports import (
    AgentKnowledge,
    Agents,
    BlobStore,
    Embedder,
    EmbedderFactory,
    EmbeddingSpace,
    ParsedDocument,
    Parser,
    Passage,
    VectorStore,
)
from services.documents.domain.splitting import split_into_passages
from services.documents.models import Document
from services.documents.repositories.documents import Indexed
from services.documents.repositories.indexing import IndexingState
from services.documents.repositories.unit_of_work import OpenUnitOfWork
from services.documents.use_cases.fail_document import FailDocument

log = structlog.get_logger(__name__)

# Small enough that a slow model shows some progress, large enough that a quick one is kept busy.
BATCH_SIZE: Final = 64
# Larger files are handed to the parser as a file rather than in memory.
HELD_BYTES: Final = 4 * 1024 * 1024

# Splitting more takes long enough to leave the event loop alone: four seconds for ten million.
_THREAD_ABOVE_CHARS: Final = 200_000

# What trying again would not change; somebody has to act.
_FINAL: Final = (UnreadableDocument, BlobMissing, AgentNotFound, EmbeddingRejected)

Progress = Callable[[float, Stage], Awaitable[None]]
Terms = Callable[[str], dict[str, int]]


@dataclass(frozen=True)
class _Spaces:
    """Where a version's vectors are; `moving` between two models of the platform's."""

    live: EmbeddingSpace
    second: EmbeddingSpace | None
    moving: bool = field(kw_only=True)

    def settled(self, place: Place | None) -> "_Spaces":
        """Return the same, as seen from where the tenant is by now.

        Raises:
            SpaceMoved: What is searched by now is none of these spaces.
        """
        live, second = self.live, self.second
        if place is not None and place.live != live.name:
            if second is None or second.name != place.live:
                raise SpaceMoved(retry_after_seconds=2)
            live, second = second, live
        ended = place is not None and place.ended
        return _Spaces(live, None if ended else second, moving=self.moving)


@dataclass(frozen=True, kw_only=True)
class IndexDocument:
    """Read a document, split it, embed it, and show it to search."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    state: IndexingState
    blobs: BlobStore
    agents: Agents
    parser: Parser
    embedder_for: EmbedderFactory
    vectors: VectorStore
    terms_of: Terms
    fail: FailDocument

    async def __call__(
        self, document_id: UUID, *, version: int, tell_progress: Progress, scans: bool = True
    ) -> None:
        """Index one version of a document; one that is superseded or done is left alone.

        Args:
            document_id: Which document.
            version: Which version is wanted.
            tell_progress: Told how far the work is, after each step of longer work.
            scans: Recognise pages that are pictures.

        Raises:
            ScanFound: There are such pages, and `scans` is off.
            Unavailable: A part that is needed is out of reach; running again may help.
        """
        document = await self.state.begin(self.tenant_id, document_id, version=version)
        if document is None:
            # An attempt before this one may have died with vectors of what is not wanted.
            await self._withdraw(document_id)
            return
        try:
            parsed = await self._read(document, scans=scans)
            passages = await _split(parsed)
            if not passages:
                raise NoText
            _, embedder = await self._embedder(document)
            await self._store_vectors(document, parsed, passages, embedder, tell_progress)
            # Who looks for documents in an agent's old space does not see those under way.
            while (now := await self._embedder(document))[1].space != embedder.space:
                embedder = now[1]
                await self._store_vectors(document, parsed, passages, embedder, tell_progress)
            # A move may have begun meanwhile.
            knowledge = now[0]
            second = None
            if knowledge.beside is not None:
                beside = self.embedder_for(knowledge.beside)
                second = await self._store_beside(document, parsed, passages, beside, tell_progress)
            spaces = _Spaces(embedder.space, second, moving=knowledge.beside is not None)
        except _FINAL as error:
            await self.fail(document_id, version=version, code=error.code, message=error.message)
            return
        if not await self._show(document, parsed, passages, spaces):
            await self._withdraw(document_id)

    async def _embedder(self, document: Document) -> tuple[AgentKnowledge, Embedder]:
        knowledge = await self.agents.find(self.tenant_id, document.agent_id)
        return knowledge, self.embedder_for(knowledge.embedding)

    async def _store_beside(
        self,
        document: Document,
        parsed: ParsedDocument,
        passages: list[Passage],
        embedder: Embedder,
        tell_progress: Progress,
    ) -> EmbeddingSpace | None:
        """Keep the vectors in a second space too; None when its model is no use at the moment."""
        try:
            await self._store_vectors(document, parsed, passages, embedder, tell_progress)
        except (EmbeddingUnavailable, EmbeddingRejected) as error:
            # The live space is what people search; the other one can be filled later.
            log.warning("second_space_skipped", reason=error.code, document_id=str(document.id))
            return None
        return embedder.space

    async def _read(self, document: Document, *, scans: bool) -> ParsedDocument:
        content = self.blobs.read(self.tenant_id, blob_key(document.blob_id))
        if document.size_bytes <= HELD_BYTES:
            held = b"".join([chunk async for chunk in content])
            return await self.parser.parse(held, filename=document.filename, scans=scans)
        with tempfile.NamedTemporaryFile(prefix="knowrithm-") as file:
            async for chunk in content:
                file.write(chunk)
            file.flush()
            return await self.parser.parse(Path(file.name), filename=document.filename, scans=scans)

    async def _store_vectors(
        self,
        document: Document,
        parsed: ParsedDocument,
        passages: list[Passage],
        embedder: Embedder,
        tell_progress: Progress,
    ) -> None:
        title = parsed.title or document.filename
        done = 0
        for batch in in_batches(passages, BATCH_SIZE):
            if len(passages) > BATCH_SIZE:  # else it is over before anybody has read of it
                share = done / len(passages)
                await self.state.note(self.tenant_id, document.id, Stage.EMBEDDING, share)
                await tell_progress(share, Stage.EMBEDDING)
            texts = [text_to_embed(passage, title=title) for passage in batch]
            vectors = await embedder.embed(texts, kind="passage")
            points = points_of(
                self.tenant_id,
                document,
                batch,
                texts,
                vectors,
                version=document.version,
                terms=self.terms_of,
            )
            await self.vectors.upsert(self.tenant_id, embedder.space, points)
            done += len(batch)

    async def _show(
        self,
        document: Document,
        parsed: ParsedDocument,
        passages: list[Passage],
        spaces: "_Spaces",
    ) -> bool:
        """Make the version live; False when it is not wanted any more."""
        token_count = sum(passage.token_estimate for passage in passages)
        async with self.unit_of_work() as uow:
            if spaces.moving:
                place, _ = await uow.moves.held()
                spaces = spaces.settled(place)
            groups = await uow.documents.make_live(
                document.id,
                version=document.version,
                found=Indexed(
                    title=parsed.title,
                    document_type=parsed.document_type,
                    embedding_space=spaces.live.name,
                    embedding_model=spaces.live.model,
                    second_space=spaces.second.name if spaces.second else None,
                    page_count=parsed.page_count,
                    word_count=parsed.word_count,
                    passage_count=len(passages),
                    token_count=token_count,
                    warnings=list(parsed.warnings),
                ),
            )
            if groups is None:
                return False
            if set(groups) != set(document.groups):
                # Changed while the vectors were written, which say what was before.
                uow.jobs.add(SetGroups(document_id=document.id))
            await uow.passages.replace(document.id, version=document.version, passages=passages)
            if document.version > 1:
                # What was shown until now is found until now, so it goes afterwards.
                uow.jobs.add(PurgeVectors(document_id=document.id, version=document.version))
            uow.outbox.record(
                DocumentIndexed(
                    document_id=document.id,
                    agent_id=document.agent_id,
                    passage_count=len(passages),
                    token_count=token_count,
                    page_count=parsed.page_count or 0,
                ),
                aggregate_id=document.id,
            )
        return True

    async def _withdraw(self, document_id: UUID) -> None:
        # Deleted or superseded while we worked: its own purge may have come before our vectors.
        async with self.unit_of_work() as uow:
            document = await uow.documents.get(document_id)
        keep: set[int] = set()
        if document is not None:
            deleted = document.deleted_at is not None
            keep = {document.version + 1} if deleted else document.versions_in_use
        await self.vectors.delete_document(self.tenant_id, document_id, keep_versions=keep)


async def _split(parsed: ParsedDocument) -> list[Passage]:
    if len(parsed.text) > _THREAD_ABOVE_CHARS:
        return await asyncio.to_thread(split_into_passages, parsed)
    return split_into_passages(parsed)
