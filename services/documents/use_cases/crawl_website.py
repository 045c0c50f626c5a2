"""A crawl, a stretch of it at a time, so that many companies' crawls share few hands."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import structlog

from libs.common.events.catalogue.documents import WebsiteCrawled
from services.documents.domain.errors import AgentNotFound, UnreadableDocument
from services.documents.domain.jobs import CrawlWebsite as CrawlJob
from services.documents.domain.ports import Agents
from services.documents.domain.web_addresses import BadAddress, Scope, read_address
from services.documents.domain.website_errors import PageNotFetched
from services.documents.domain.websites import (
    KNOWN_PER_PAGE,
    CrawlPlan,
    CrawlState,
    FoundBy,
    FoundPage,
    KnownPage,
    SiteStatus,
)
from services.documents.models import Website
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork
from services.documents.use_cases.visit_page import Outcome, Visited, VisitPage, found_pages

log = structlog.get_logger(__name__)

BATCH_SIZE: Final = 50
MAX_SITEMAPS: Final = 50
MAX_SITEMAP_BYTES: Final = 50 * 1024 * 1024
# Pages that answer nothing useful count for this much less than those that do.
FETCHES_PER_PAGE: Final = 3
SPARE_FETCHES: Final = 50
# So many pages in a row without an answer, and the server is left alone.
MAX_SILENCE: Final = 8
REMEMBERED_CRAWLS: Final = 500
MAX_SLEEP_SECONDS: Final = 10.0
MAX_WAIT_SECONDS: Final = 3600.0
_KEPT: Final = frozenset({Outcome.ADDED, Outcome.CHANGED, Outcome.UNCHANGED})

Progress = Callable[[float, str], Awaitable[None]]


@dataclass
class _Count:
    """How far the crawl is, in this stretch."""

    processed: int
    kept: int
    silence: int = 0

    def has_room(self, plan: CrawlPlan) -> bool:
        most = FETCHES_PER_PAGE * plan.max_pages + SPARE_FETCHES
        return self.kept < plan.max_pages and self.processed < most

    def add(self, visited: Visited) -> None:
        self.processed += 1
        self.kept += visited.outcome in _KEPT
        silent = visited.outcome is Outcome.POSTPONED
        self.silence = self.silence + 1 if silent else 0


@dataclass(frozen=True, kw_only=True)
class CrawlWebsite:
    """Visit the pages of a website, beginning where the last stretch ended.

    Args:
        not_found: What sites say of pages that do not exist, by crawl: shared by a worker's crawls.
        stretch_seconds: After so long another job goes on.
    """

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    agents: Agents
    visit: VisitPage
    not_found: "OrderedDict[UUID, frozenset[int]]"
    stretch_seconds: float = 20.0

    async def __call__(self, crawl_id: UUID, *, turn: int, tell_progress: Progress) -> None:
        """Go on with a crawl; one that is over or somebody else's is left alone.

        Raises:
            Unavailable: A part that is needed is out of reach; running again may help.
        """
        async with self.unit_of_work() as uow:
            plan = await uow.crawls.begin(crawl_id, turn=turn)
        if plan is None:
            return
        try:
            await self.agents.find(self.tenant_id, plan.agent_id)
        except AgentNotFound as error:
            await self._end(plan, error=error.message, code=error.code)
            return
        scope = Scope(
            site=read_address(plan.base_url).site,
            allowed=plan.allowed_paths,
            disallowed=plan.disallowed_paths,
        )
        ends_at = time.monotonic() + self.stretch_seconds
        if not plan.prepared:
            await self._prepare(plan, scope)
        await self._go_on(plan, scope, ends_at=ends_at, tell_progress=tell_progress)

    async def fail(self, crawl_id: UUID, *, reason: str) -> None:
        """Give a crawl up whose job was tried too often."""
        async with self.unit_of_work() as uow:
            crawl = await uow.crawls.get(crawl_id)
            if crawl is None:
                return
            website = await uow.websites.locked(crawl.source_id)
            if website is not None and await uow.crawls.end(
                crawl_id, CrawlState.FAILED, error=reason, error_code="crawl_failed"
            ):
                _note_end(uow, website, error=reason, kept=crawl.added, failed=crawl.failed)

    async def _prepare(self, plan: CrawlPlan, scope: Scope) -> None:
        """Note where to begin: the base, the seeds, and what the sitemaps list."""
        base = read_address(plan.base_url)
        first = FoundPage(url=base.url, key=base.key, depth=0, found_by=FoundBy.SEED)
        seeds = found_pages(plan.seed_urls, scope, depth=0, found_by=FoundBy.SEED)
        listed = await self._sitemaps(plan, scope) if plan.max_depth > 0 else []
        room = KNOWN_PER_PAGE * plan.max_pages + len(seeds) + 1
        async with self.unit_of_work() as uow:
            if await uow.crawls.count(plan, prepared=True):
                await uow.website_pages.begin(plan.source_id)
                await uow.website_pages.add_found(plan.source_id, [first], room=room)
                await uow.website_pages.add_found(plan.source_id, [*seeds, *listed], room=room)

    async def _sitemaps(self, plan: CrawlPlan, scope: Scope) -> list[FoundPage]:
        base = read_address(plan.base_url)
        parts = urlsplit(base.url)
        try:
            rules = await self.visit.robots.rules_of(base)
        except PageNotFetched:
            return []
        waiting = [*rules.sitemaps] or [f"{parts.scheme}://{parts.netloc}/sitemap.xml"]
        waiting += [url for url in (plan.base_url, *plan.seed_urls) if _is_sitemap(url)]
        most = KNOWN_PER_PAGE * plan.max_pages
        seen: set[str] = set()
        found: list[FoundPage] = []
        while waiting and len(seen) < MAX_SITEMAPS and len(found) < most:
            url = waiting.pop(0)
            if url in seen:
                continue
            seen.add(url)
            try:
                address = read_address(url, base=base.url)
                async with self.visit.turns.turn(address.site, delay_seconds=rules.delay_seconds):
                    file = await self.visit.fetcher.fetch(address, max_bytes=MAX_SITEMAP_BYTES)
                listed = await self.visit.reader.read_sitemap(file.body, url=file.address.url)
            except (BadAddress, PageNotFetched, UnreadableDocument):
                continue
            waiting += listed.sitemaps
            found += found_pages(listed.pages[:most], scope, depth=1, found_by=FoundBy.SITEMAP)
        return found[:most]

    async def _go_on(
        self, plan: CrawlPlan, scope: Scope, *, ends_at: float, tell_progress: Progress
    ) -> None:
        if plan.id not in self.not_found:
            self.not_found[plan.id] = await self._what_is_not_found(plan)
            if len(self.not_found) > REMEMBERED_CRAWLS:
                self.not_found.popitem(last=False)
        not_found = self.not_found[plan.id]
        count = _Count(plan.processed, plan.kept)
        while count.has_room(plan):
            batch = await self._frontier(plan)
            if not batch:
                break
            for page in batch:
                if time.monotonic() > ends_at:
                    await self._hand_on(plan)
                    return
                await tell_progress(min(count.kept / plan.max_pages, 0.99), "crawling")
                visited = await self.visit(plan, scope, page, not_found=not_found)
                if visited.outcome is Outcome.LOST:
                    return
                count.add(visited)
                if count.silence >= MAX_SILENCE:
                    await self._end(plan, error="The server stopped answering.", code="unreachable")
                    return
                if (visited.wait_seconds or 0) > MAX_SLEEP_SECONDS:
                    await self._hand_on(plan, wait_seconds=visited.wait_seconds)
                    return
                if visited.wait_seconds:
                    await asyncio.sleep(visited.wait_seconds)
                if not count.has_room(plan):
                    break
        await self._end(plan)

    async def _frontier(self, plan: CrawlPlan) -> list[KnownPage]:
        async with self.unit_of_work() as uow:
            return await uow.website_pages.frontier(
                plan.source_id, plan.id, max_depth=plan.max_depth, limit=BATCH_SIZE
            )

    async def _what_is_not_found(self, plan: CrawlPlan) -> frozenset[int]:
        """Return the sketch of what the site shows for a page that cannot exist, if anything."""
        base = urlsplit(plan.base_url)
        nowhere = read_address(f"{base.scheme}://{base.netloc}/{uuid4().hex}")
        try:
            fetched = await self.visit.fetch(nowhere, scope=None)
            _, said = await self.visit.read(fetched)
        except (PageNotFetched, UnreadableDocument):
            return frozenset()
        # Whoever sends all strangers to the front page says nothing about the others.
        if said is None or fetched.address.key == read_address(plan.base_url).key:
            return frozenset()
        return said.sketch

    async def _hand_on(self, plan: CrawlPlan, *, wait_seconds: float | None = None) -> None:
        wait = timedelta(seconds=min(wait_seconds or 0.0, MAX_WAIT_SECONDS))
        async with self.unit_of_work() as uow:
            turn = await uow.crawls.next_turn(plan)
            if turn is not None:
                run_at = datetime.now(UTC) + wait if wait else None
                uow.jobs.add(CrawlJob(crawl_id=plan.id, turn=turn), run_at=run_at)

    async def _end(
        self, plan: CrawlPlan, *, error: str | None = None, code: str | None = None
    ) -> None:
        base_key = read_address(plan.base_url).key
        async with self.unit_of_work() as uow:
            website = await uow.websites.locked(plan.source_id)
            crawl = await uow.crawls.get(plan.id)
            if website is None or crawl is None:
                return
            kept = crawl.added + crawl.changed + crawl.unchanged
            if error is None and not kept:
                base = await uow.website_pages.with_key(plan.source_id, base_key)
                code = (base.reason if base is not None else None) or "no_pages"
                error = f"No page could be read; the first one: {code}."
            state = CrawlState.COMPLETED if error is None else CrawlState.FAILED
            ended = await uow.crawls.end(
                plan.id, state, holder=plan.holder, error=error, error_code=code
            )
            if ended:
                _note_end(uow, website, error=error, kept=kept, failed=crawl.failed)
        log.info("website_crawled", crawl_id=str(plan.id), kept=kept, error_code=code)


def _note_end(
    uow: DocumentsUnitOfWork, website: Website, *, error: str | None, kept: int, failed: int
) -> None:
    now = datetime.now(UTC)
    if website.status == SiteStatus.CRAWLING:
        website.status = SiteStatus.ACTIVE if error is None else SiteStatus.FAILED
    website.error = error
    website.last_crawled_at = now
    uow.outbox.record(
        WebsiteCrawled(
            website_id=website.id,
            agent_id=website.agent_id,
            succeeded=error is None,
            page_count=kept,
            failed_page_count=failed,
        ),
        aggregate_id=website.id,
    )


def _is_sitemap(url: str) -> bool:
    path = urlsplit(url).path.lower()
    return path.endswith((".xml", ".xml.gz"))
