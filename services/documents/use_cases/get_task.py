"""What has become of an upload or a crawl, for whoever holds the task's id."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from libs.common.database import Database
from libs.common.jobs import JobStatus
from services.documents.domain.errors import TaskNotFound
from services.documents.domain.websites import CrawlKind
from services.documents.models import Crawl, Document, WebsitePage
from services.documents.repositories.tasks import TaskLookup
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork

SHOWN_PAGES: Final = 100


@dataclass(frozen=True, kw_only=True)
class DocumentTask:
    """A document, which may be deleted, and its job while one is known."""

    document: Document
    job: JobStatus | None


@dataclass(frozen=True, kw_only=True)
class CrawlTask:
    """A crawl or a deletion.

    `waiting` counts its pages that are being indexed; `pages` are some of those that it visited or
    found.
    """

    crawl: Crawl
    waiting: int
    pages: Sequence[WebsitePage]


@dataclass(frozen=True, kw_only=True)
class GetTask:
    """Return what a task is about. The id alone gives access to it."""

    database: Database
    tasks: TaskLookup
    caller_tenant_id: UUID | None

    async def __call__(self, task_id: UUID) -> DocumentTask | CrawlTask:
        """Return the task.

        Raises:
            TaskNotFound: There is no such task, or it ended more than a day ago, or the
                credentials are another tenant's.
        """
        found = await self.tasks.find(task_id)
        if found is None:
            return await self._crawl(task_id)
        if self.caller_tenant_id not in (None, found.tenant_id):
            raise TaskNotFound
        async with DocumentsUnitOfWork(self.database, found.tenant_id) as uow:
            document = await uow.documents.get(found.document_id)
            job = await uow.jobs.status(task_id)
        if document is None or document.task_id != task_id:
            raise TaskNotFound
        return DocumentTask(document=document, job=job)

    async def _crawl(self, task_id: UUID) -> CrawlTask:
        found = await self.tasks.find_crawl(task_id)
        if found is None or self.caller_tenant_id not in (None, found.tenant_id):
            raise TaskNotFound
        async with DocumentsUnitOfWork(self.database, found.tenant_id) as uow:
            crawl = await uow.crawls.get(found.crawl_id)
            if crawl is None:
                raise TaskNotFound
            if crawl.kind == CrawlKind.DELETION or crawl.finished_at is None:
                return CrawlTask(crawl=crawl, waiting=0, pages=())
            waiting = await uow.website_pages.documents_waiting(crawl.source_id)
            pages = await uow.website_pages.visited_in(
                crawl.source_id, crawl.id, since=crawl.created_at, limit=SHOWN_PAGES
            )
        return CrawlTask(crawl=crawl, waiting=waiting, pages=pages)
