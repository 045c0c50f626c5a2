"""Starting and stopping crawls."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from services.documents.domain.jobs import CrawlWebsite
from services.documents.domain.website_errors import (
    NothingToCancel,
    WebsiteInactive,
    WebsiteNotFound,
)
from services.documents.domain.websites import CrawlKind, CrawlState, SiteStatus
from services.documents.models import Crawl, Website
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork

# A website is crawled for its visitors no more often than this.
VISITORS_EVERY: Final = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True)
class StartCrawl:
    """Begin a crawl of a website; one that is under way is the answer already."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, source_id: UUID, *, max_pages: int | None = None) -> Crawl:
        """Return the crawl.

        Args:
            source_id: The website.
            max_pages: Fewer pages than the website may have, this time.

        Raises:
            WebsiteNotFound: The tenant has no such website.
            WebsiteInactive: It is switched off.
        """
        async with self.unit_of_work() as uow:
            website = await uow.websites.living(source_id, lock=True)
            if website is None:
                raise WebsiteNotFound
            if website.status == SiteStatus.INACTIVE:
                raise WebsiteInactive
            return await start_in(uow, website, max_pages=max_pages)


@dataclass(frozen=True, kw_only=True)
class StartDueCrawl:
    """Begin the crawl of a website whose time has come."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, source_id: UUID) -> bool:
        """Return whether it was due."""
        async with self.unit_of_work() as uow:
            website = await uow.websites.take_due(source_id, now=datetime.now(UTC))
            if website is None:
                return False
            await start_in(uow, website)
        return True


@dataclass(frozen=True, kw_only=True)
class CancelCrawl:
    """Stop a website's crawl; what it has found stays."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, source_id: UUID) -> Crawl:
        """Return the crawl that was stopped.

        Raises:
            WebsiteNotFound: The tenant has no such website.
            NothingToCancel: No crawl is under way.
        """
        async with self.unit_of_work() as uow:
            website = await uow.websites.living(source_id, lock=True)
            if website is None:
                raise WebsiteNotFound
            crawl = await uow.crawls.under_way(source_id)
            if crawl is None or not await uow.crawls.end(
                crawl.id,
                CrawlState.CANCELLED,
                error="The crawl was cancelled.",
                error_code="cancelled",
            ):
                raise NothingToCancel
            website.status = SiteStatus.ACTIVE
        return crawl


async def start_in(
    uow: DocumentsUnitOfWork, website: Website, *, max_pages: int | None = None
) -> Crawl:
    """Begin the crawl of a locked website, unless one is under way; return it."""
    most = website.max_pages if max_pages is None else min(max_pages, website.max_pages)
    crawl = await uow.crawls.start(website, kind=CrawlKind.CRAWL, max_pages=most)
    if crawl is not None:
        uow.jobs.add(CrawlWebsite(crawl_id=crawl.id, turn=0))
        return crawl
    running = await uow.crawls.under_way(website.id)
    if running is None:
        raise WebsiteInactive
    return running
