"""Making a tenant's whole index again, from PostgreSQL and the object store alone."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.documents.domain.jobs import FillVectors
from services.documents.repositories.reconciling import KnowledgeState
from services.documents.repositories.unit_of_work import OpenUnitOfWork
from services.documents.use_cases.queue_indexing import queue_indexing

BATCH_SIZE: Final = 200


@dataclass(frozen=True, kw_only=True)
class RebuildIndex:
    """Queue every document: its vectors from its passages, or from its file where it has none."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    state: KnowledgeState

    async def __call__(self) -> int:
        """Return how many documents were queued; what is found meanwhile stays found."""
        queued = 0
        after: UUID | None = None
        while batch := await self.state.documents(self.tenant_id, after=after, limit=BATCH_SIZE):
            after = batch[-1].id
            async with self.unit_of_work() as uow:
                for seen in batch:
                    if seen.deleted or seen.live_version is None:
                        continue
                    if seen.passages:
                        uow.jobs.add(FillVectors(document_id=seen.id, version=seen.live_version))
                        queued += 1
                        continue
                    document = await uow.documents.live(seen.id, lock=True)
                    if document is not None and document.version == seen.version:
                        document.queue_again()
                        queue_indexing(uow, document)
                        queued += 1
        return queued
