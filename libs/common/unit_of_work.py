"""One block, all or nothing: a tenant's transaction with its outbox and its job queue.

A service subclasses it and adds its repositories:

    class DocumentsUnitOfWork(UnitOfWork):
        @cached_property
        def documents(self) -> DocumentRepository:
            return DocumentRepository(self.session, self.tenant_id)
"""

from contextlib import AbstractAsyncContextManager
from functools import cached_property
from types import TracebackType
from typing import Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database import Database
from libs.common.events.outbox import Outbox
from libs.common.jobs.queue import JobQueue
from libs.common.wake import Wake


class UnitOfWork:
    """A transaction of one tenant; enter it once.

    Args:
        database: Where.
        tenant_id: Whose.
        read_only: Refuse writes; a replica may serve it.
        wake: Told after a commit that recorded events or added jobs; without it the workers
            find them within two seconds.
    """

    session: AsyncSession

    def __init__(
        self,
        database: Database,
        tenant_id: UUID,
        *,
        read_only: bool = False,
        wake: Wake | None = None,
    ) -> None:
        self.tenant_id = tenant_id
        self._wake = wake
        self._transaction: AbstractAsyncContextManager[AsyncSession] = database.session(
            tenant_id, read_only=read_only
        )

    @cached_property
    def outbox(self) -> Outbox:
        """Where facts for other services are recorded, in this transaction."""
        return Outbox(self.session, self.tenant_id)

    @cached_property
    def jobs(self) -> JobQueue:
        """Where work for this service's own workers is added, in this transaction."""
        return JobQueue(self.session, self.tenant_id)

    async def __aenter__(self) -> Self:
        """Begin.

        Raises:
            DatabaseUnavailable: PostgreSQL cannot be reached.
        """
        self.session = await self._transaction.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write events and jobs and commit, or roll back on an error; then wake the workers."""
        events = jobs = False
        if kind is None:
            try:
                events = "outbox" in self.__dict__ and await self.outbox.write()
                jobs = "jobs" in self.__dict__ and await self.jobs.write()
            except BaseException as failure:
                await self._transaction.__aexit__(type(failure), failure, failure.__traceback__)
                raise
        await self._transaction.__aexit__(kind, error, traceback)
        if self._wake is not None:
            if events:
                self._wake.events()
            if jobs:
                self._wake.jobs()
