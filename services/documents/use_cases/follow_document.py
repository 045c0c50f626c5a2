"""Following a document until it can be found, or cannot be read."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from libs.common.errors import Unavailable
from services.documents.domain.documents import Status
from services.documents.domain.errors import DocumentNotFound
from services.documents.models import Document
from services.documents.repositories.unit_of_work import OpenUnitOfWork

LOOK_SECONDS: Final = 0.5
# A document that waits long is looked at less often.
LOOK_MORE_SELDOM: Final = 1.25
MOST_LOOK_SECONDS: Final = 5.0
HEARTBEAT_SECONDS: Final = 10.0
# Clients connect again, and show then that they still may.
FOLLOW_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class DocumentProgress:
    """How far a document is; `jobs_ahead` counts those of the tenant that come before it."""

    document: Document
    jobs_ahead: int | None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.document.status in (Status.PROCESSED, Status.FAILED)

    @property
    def seen(self) -> tuple[object, ...]:
        """What a follower is told of changes of."""
        found = self.document
        return (found.version, found.status, found.stage, found.progress, self.jobs_ahead)

    def differs_from(self, other: "DocumentProgress | None") -> bool:
        """Whether there is something to tell that `other` has not told."""
        return other is None or self.seen != other.seen


@dataclass(frozen=True, kw_only=True)
class FollowDocument:
    """Tell each change of a document's progress."""

    unit_of_work: OpenUnitOfWork
    draining: asyncio.Event

    async def __call__(self, document_id: UUID) -> AsyncIterator[DocumentProgress | None]:
        """Return its progress now and after each change, until it has ended or is deleted.

        None between them says that nothing has changed for a while.

        Raises:
            DocumentNotFound: The tenant has no such document, or it is deleted.
        """
        first = await self._look(document_id)
        if first is None:
            raise DocumentNotFound
        return self._follow(first)

    async def _follow(self, first: DocumentProgress) -> AsyncIterator[DocumentProgress | None]:
        told, told_at = first, time.monotonic()
        ends_at = told_at + FOLLOW_SECONDS
        pause = LOOK_SECONDS
        yield told
        while not (told.ended or self.draining.is_set() or told_at > ends_at):
            await asyncio.sleep(pause)
            pause = min(pause * LOOK_MORE_SELDOM, MOST_LOOK_SECONDS)
            try:
                current = await self._look(first.document.id)
            except Unavailable:
                current = told
            if current is None:
                return
            if current.differs_from(told):
                told, told_at = current, time.monotonic()
                pause = LOOK_SECONDS
                yield told
            elif time.monotonic() - told_at >= HEARTBEAT_SECONDS:
                told_at = time.monotonic()
                yield None

    async def _look(self, document_id: UUID) -> DocumentProgress | None:
        # No connection is held between two looks. A replica may not know yet what is followed.
        async with self.unit_of_work() as uow:
            document = await uow.documents.live(document_id)
            if document is None:
                return None
            job = None
            if document.status == Status.PENDING:
                job = await uow.jobs.status(document.task_id)
        return DocumentProgress(document, job.jobs_ahead if job is not None else None)
