"""Deleting a website: its pages are hidden at once, and purged soon after."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from libs.common.events.catalogue.documents import DocumentDeleted, WebsiteDeleted
from services.documents.domain.jobs import ForgetWebsite, PurgeVectors
from services.documents.domain.website_errors import WebsiteNotFound
from services.documents.domain.websites import CrawlKind, CrawlState, SiteStatus
from services.documents.models import Crawl
from services.documents.repositories.unit_of_work import OpenUnitOfWork

BATCH_SIZE: Final = 200


@dataclass(frozen=True, kw_only=True)
class DeleteWebsite:
    """Hide a website and all that was learnt from it."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, source_id: UUID) -> Crawl | None:
        """Return the task that purges the pages; None when the website was deleted before.

        Raises:
            WebsiteNotFound: The tenant has no such website, and never had.
        """
        async with self.unit_of_work() as uow:
            website = await uow.websites.locked(source_id)
            if website is None:
                raise WebsiteNotFound
            if website.deleted_at is not None:
                return None
            running = await uow.crawls.under_way(source_id)
            if running is not None:
                await uow.crawls.end(
                    running.id,
                    CrawlState.CANCELLED,
                    error="The website was deleted.",
                    error_code="website_deleted",
                )
            website.deleted_at = datetime.now(UTC)
            website.status = SiteStatus.INACTIVE
            website.next_crawl_at = None
            # Search confirms every hit against the documents, so from the commit on none is found.
            await uow.website_pages.hide_documents(source_id)
            task = await uow.crawls.start(website, kind=CrawlKind.DELETION, max_pages=0)
            if task is not None:
                uow.jobs.add(ForgetWebsite(crawl_id=task.id, source_id=source_id))
            uow.outbox.record(
                WebsiteDeleted(website_id=website.id, agent_id=website.agent_id),
                aggregate_id=website.id,
            )
        return task


@dataclass(frozen=True, kw_only=True)
class PurgeWebsite:
    """Tell of the documents of a deleted website, and have their vectors purged."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, source_id: UUID, *, crawl_id: UUID) -> None:
        """Purge; killed anywhere, running again goes on where it was."""
        while await self._purge_some(source_id):
            pass
        async with self.unit_of_work() as uow:
            await uow.crawls.end(crawl_id, CrawlState.COMPLETED)

    async def _purge_some(self, source_id: UUID) -> bool:
        async with self.unit_of_work() as uow:
            documents = await uow.website_pages.with_documents(source_id, limit=BATCH_SIZE)
            for document in documents:
                uow.jobs.add(PurgeVectors(document_id=document.id, version=document.version))
                uow.outbox.record(
                    DocumentDeleted(document_id=document.id, agent_id=document.agent_id),
                    aggregate_id=document.id,
                )
            if documents:
                await uow.website_pages.let_go(source_id, [document.id for document in documents])
        return bool(documents)
