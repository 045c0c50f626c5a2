"""Proving that PostgreSQL, the vectors and the object store agree about a tenant, and repairing.

PostgreSQL is right about what there is, the object store has the files, and vectors can always be
made again from passages. What looks wrong is looked at twice, some seconds apart: documents come,
change and go while this runs.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from libs.common.ids import new_task_id
from services.documents.domain.documents import Status, blob_key, id_of_blob
from services.documents.domain.errors import BlobMissing
from services.documents.domain.jobs import FillVectors
from services.documents.domain.ports import BlobStore, EmbeddingSpace
from services.documents.domain.reconciling import (
    Disagreement,
    Finding,
    KnownDocument,
    Repair,
    StoredPoint,
    VectorInventory,
)
from services.documents.repositories.reconciling import KnowledgeState
from services.documents.repositories.unit_of_work import OpenUnitOfWork
from services.documents.use_cases.queue_indexing import queue_indexing
from services.documents.use_cases.sweep import ORPHAN_AGE

BATCH_SIZE: Final = 100
SETTLE_SECONDS: Final = 2.0

_UNDER_WAY: Final = frozenset({Status.PENDING, Status.PROCESSING})


@dataclass(frozen=True, kw_only=True)
class Reconcile:
    """Compare what three stores hold of one tenant.

    Attributes:
        filling: Spaces that may be filled at this moment, of which nothing is noted yet.
    """

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    state: KnowledgeState
    inventory: VectorInventory
    blobs: BlobStore
    filling: tuple[EmbeddingSpace, ...] = ()
    settle_seconds: float = SETTLE_SECONDS

    async def __call__(
        self, *, repair: bool, tell: Callable[[int], None] = lambda _count: None
    ) -> list[Finding]:
        """Return what disagrees, and what was done about it.

        Running it again is harmless, and all there is to do after a stop.

        Args:
            repair: Mend what can be mended; without it nothing is changed.
            tell: Told how many documents were compared, after each batch.

        Raises:
            VectorStoreUnavailable: And BlobStoreUnavailable, DatabaseUnavailable: a store is
                out of reach.
        """
        # A row never comes before its file, nor after its vectors: so files and vectors are read
        # before the rows that they should have, and rows before the files that they should.
        files = {blob_id: age async for blob_id, age in self._files()}
        findings = [finding async for finding in self._stray_files(files, repair=repair)]
        after: UUID | None = None
        done = 0
        while batch := await self.state.documents(self.tenant_id, after=after, limit=BATCH_SIZE):
            after = batch[-1].id
            done += len(batch)
            findings += await self._compared(batch, files, repair=repair)
            tell(done)
        async for ids in self.inventory.documents(self.tenant_id):
            known = {one.id for one in await self.state.named(self.tenant_id, ids)}
            strays = [id_ for id_ in ids if id_ not in known]
            for finding, points in _stray_points(await self._points(strays)):
                findings.append(await self._deleted(finding, points, repair=repair))
        return findings

    async def _files(self) -> AsyncIterator[tuple[UUID, float]]:
        async for blob in self.blobs.list_keys(self.tenant_id):
            blob_id = id_of_blob(blob.key)
            if blob_id is not None:
                yield blob_id, blob.age_seconds

    async def _stray_files(
        self, files: dict[UUID, float], *, repair: bool
    ) -> AsyncIterator[Finding]:
        old = [id_ for id_, age in files.items() if age >= ORPHAN_AGE.total_seconds()]
        for start in range(0, len(old), BATCH_SIZE):
            batch = old[start : start + BATCH_SIZE]
            known = await self.state.known_blobs(self.tenant_id, batch)
            for blob_id in batch:
                if blob_id in known:
                    continue
                finding = Finding(kind=Disagreement.FILE_ORPHANED, subject=blob_id, count=1)
                if repair:
                    await self.blobs.delete(self.tenant_id, [blob_key(blob_id)])
                    finding = replace(finding, repair=Repair.DONE)
                yield finding

    async def _compared(
        self, batch: Sequence[KnownDocument], files: dict[UUID, float], *, repair: bool
    ) -> list[Finding]:
        points = await self._points([document.id for document in batch])
        suspects = [
            document.id
            for document in batch
            if document.blob_id not in files
            or any(True for _ in self._wrong(document, points.get(document.id, ())))
        ]
        if not suspects:
            return []
        await asyncio.sleep(self.settle_seconds)
        findings = []
        points = await self._points(suspects)
        for document in await self.state.named(self.tenant_id, suspects):
            if not await self._has_file(document):
                findings.append(
                    Finding(kind=Disagreement.FILE_MISSING, subject=document.id, count=1)
                )
            for finding, strays in self._wrong(document, points.get(document.id, ())):
                if strays:
                    findings.append(await self._deleted(finding, strays, repair=repair))
                elif repair:
                    findings.append(await self._queued(finding, document))
                else:
                    findings.append(finding)
        return findings

    async def _points(self, document_ids: Sequence[UUID]) -> dict[UUID, list[StoredPoint]]:
        found: dict[UUID, list[StoredPoint]] = {}
        if document_ids:
            for point in await self.inventory.points_of(self.tenant_id, document_ids):
                found.setdefault(point.document_id, []).append(point)
        return found

    def _wrong(
        self, document: KnownDocument, points: Iterable[StoredPoint]
    ) -> Iterable[tuple[Finding, Sequence[StoredPoint]]]:
        """Yield what disagrees about a document, each with the vectors that should go."""
        live = not document.deleted and document.live_version is not None
        expected = document.passages if live else frozenset[UUID]()
        labels = [self.inventory.label(space) for space in document.spaces] if live else []
        filling = {self.inventory.label(space) for space in self.filling}
        there: set[tuple[str, UUID]] = set()
        strays: list[StoredPoint] = []
        for point in points:
            if point.id in expected and point.space in labels:
                if point.whole:
                    there.add((point.space, point.id))
            elif point.id in expected and point.space in filling:
                continue
            elif not _is_being_written(document, point):
                strays.append(point)
        if strays:
            yield _finding(Disagreement.VECTORS_ORPHANED, document, len(strays)), strays
        if missing := len(expected) * max(1, len(labels)) - len(there):
            yield _finding(Disagreement.VECTORS_MISSING, document, missing), ()
        if live and len(expected) != document.passage_count:
            lacking = abs(document.passage_count - len(expected))
            yield _finding(Disagreement.PASSAGES_MISSING, document, lacking), ()
        waits = not document.deleted and document.status in _UNDER_WAY
        if waits and not document.wanted_by_job:
            yield _finding(Disagreement.FORGOTTEN, document, 1), ()

    async def _has_file(self, document: KnownDocument) -> bool:
        """Tell whether the first bytes are there and decrypt."""
        try:
            async for _ in self.blobs.read(self.tenant_id, blob_key(document.blob_id)):
                return True
        except BlobMissing:
            return False
        return True

    async def _deleted(
        self, finding: Finding, points: Sequence[StoredPoint], *, repair: bool
    ) -> Finding:
        if not repair:
            return finding
        await self.inventory.delete(self.tenant_id, points)
        return replace(finding, repair=Repair.DONE)

    async def _queued(self, finding: Finding, seen: KnownDocument) -> Finding:
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(seen.id, lock=True)
            if document is None or document.version != seen.version:
                return finding
            if finding.kind is Disagreement.VECTORS_MISSING:
                if seen.live_version is not None:
                    uow.jobs.add(FillVectors(document_id=seen.id, version=seen.live_version))
            elif finding.kind is Disagreement.PASSAGES_MISSING:
                document.queue_again()
                queue_indexing(uow, document)
            else:
                document.task_id = new_task_id("documents")
                queue_indexing(uow, document)
        return replace(finding, repair=Repair.QUEUED)


def _is_being_written(document: KnownDocument, point: StoredPoint) -> bool:
    return (
        not document.deleted
        and document.status in _UNDER_WAY
        and point.document_version == document.version
    )


def _finding(kind: Disagreement, document: KnownDocument, count: int) -> Finding:
    return Finding(kind=kind, subject=document.id, count=count)


def _stray_points(
    points: dict[UUID, list[StoredPoint]],
) -> Iterable[tuple[Finding, Sequence[StoredPoint]]]:
    for document_id, strays in points.items():
        finding = Finding(
            kind=Disagreement.VECTORS_ORPHANED, subject=document_id, count=len(strays)
        )
        yield finding, strays
