"""Websites to crawl, served for real, and a crawler in miniature for one tenant."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web
from aiohttp.test_utils import TestServer
from redis.asyncio import Redis
from sqlalchemy import text

from libs.common.http.outbound import Outbound
from libs.common.outbound import OutboundPolicy
from services.documents.adapters.parsing.pool import ProcessParser
from services.documents.adapters.parsing.sniff import sniff
from services.documents.adapters.web.fetcher import WebFetcher
from services.documents.adapters.web.robots import RememberedRobots
from services.documents.adapters.web.turns import PoliteTurns
from services.documents.domain.websites import SiteDetails
from services.documents.models import Crawl, Document, Website, WebsitePage
from services.documents.use_cases.crawl_website import CrawlWebsite
from services.documents.use_cases.fail_document import FailDocument
from services.documents.use_cases.fetch_document import FetchDocument
from services.documents.use_cases.keep_page import KeepPage
from services.documents.use_cases.manage_websites import AddressCheck, AddWebsite
from services.documents.use_cases.start_crawl import StartCrawl
from services.documents.use_cases.visit_page import VisitPage
from tests.documents.cast import KnownAgents, MemoryBlobs, Tenant

TRUSTING = OutboundPolicy(allow_private=False, trusted_hosts={"127.0.0.1"})

Answer = web.StreamResponse | str
Handler = Callable[[web.Request], Awaitable[Answer]]


def html(body: str, *, title: str = "A page", head: str = "") -> str:
    """Return a page with a menu and a footer around its main part."""
    return (
        f"<!doctype html><html><head><title>{title}</title>{head}</head><body>"
        '<nav><a href="/">Home</a></nav>'
        f"<main><h1>{title}</h1>{body}</main><footer>All rights reserved</footer></body></html>"
    )


def links(*places: str) -> str:
    """Return a paragraph that leads to places."""
    return "<p>Read on: " + " and ".join(f'<a href="{place}">more</a>' for place in places) + "</p>"


@dataclass
class Site:
    """A website: pages by path with query; what is not there is 404."""

    pages: dict[str, str | Handler] = field(default_factory=dict)
    hits: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.hits.append(request.path_qs)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            page = self.pages.get(request.path_qs, self.pages.get("*"))
            if page is None:
                return web.Response(status=404, text="Nothing here")
            found = page if isinstance(page, str) else await page(request)
        finally:
            self.at_once -= 1
        if isinstance(found, str):
            return web.Response(text=found, content_type="text/html")
        return found

    def fetched(self) -> list[str]:
        """Return the pages that were asked for, without what crawlers ask of every site."""
        known = ("/robots.txt", "/sitemap.xml")
        return [hit for hit in self.hits if hit not in known and len(hit) != 33]

    def to(self, path: str) -> str:
        """Return the address of a page."""
        return self.url + path


@asynccontextmanager
async def serving(site: Site) -> AsyncIterator[Site]:
    """Serve a website on a port of its own."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    async with TestServer(application) as server:
        site.url = str(server.make_url("")).rstrip("/")
        yield site


async def unheard(share: float, stage: str) -> None:
    """Hear of progress, and do nothing."""


@dataclass
class Crawler:
    """The use cases of crawling of one tenant, with the real parser and real HTTP."""

    tenant: Tenant
    blobs: MemoryBlobs
    agents: KnownAgents
    reader: ProcessParser
    redis: Redis
    outbound: Outbound
    pause_seconds: float = 0.0
    stretch_seconds: float = 60.0
    max_bytes: int = 5_000_000
    timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        fetcher = WebFetcher(
            outbound=self.outbound, user_agent="Tester/1.0", timeout_seconds=self.timeout_seconds
        )
        self.visit = VisitPage(
            keep=KeepPage(
                tenant_id=self.tenant.id, unit_of_work=self.tenant.unit_of_work, blobs=self.blobs
            ),
            fetcher=fetcher,
            reader=self.reader,
            robots=RememberedRobots(fetcher=fetcher, agent="Tester"),
            turns=PoliteTurns(redis=self.redis, pause_seconds=self.pause_seconds),
            sniff=sniff,
            max_bytes=self.max_bytes,
        )

    @property
    def crawl(self) -> CrawlWebsite:
        return CrawlWebsite(
            tenant_id=self.tenant.id,
            unit_of_work=self.tenant.unit_of_work,
            agents=self.agents,
            visit=self.visit,
            not_found=OrderedDict(),
            stretch_seconds=self.stretch_seconds,
        )

    @property
    def fetch(self) -> FetchDocument:
        return FetchDocument(
            tenant_id=self.tenant.id,
            unit_of_work=self.tenant.unit_of_work,
            blobs=self.blobs,
            visit=self.visit,
            fail=FailDocument(unit_of_work=self.tenant.unit_of_work),
        )

    async def add(self, base_url: str, **more: object) -> Website:
        """Add a website to the tenant's agent."""
        add = AddWebsite(
            tenant_id=self.tenant.id,
            caller_id=None,
            unit_of_work=self.tenant.unit_of_work,
            agents=self.agents,
            check=AddressCheck(policy=self.outbound.policy),
        )
        details = SiteDetails(agent_id=self.tenant.agent_id, base_url=base_url, **more)  # type: ignore[arg-type]  # a test names what it changes
        return await add(details)

    async def start(self, source_id: UUID) -> Crawl:
        """Ask for a crawl."""
        return await StartCrawl(unit_of_work=self.tenant.unit_of_work)(source_id)

    async def run(self, source_id: UUID) -> Crawl:
        """Crawl a website to the end, however many stretches that takes."""
        crawl = await self.start(source_id)
        for turn in range(100):
            await self.crawl(crawl.id, turn=turn, tell_progress=unheard)
            crawl = await self.state(crawl.id)
            if crawl.finished_at is not None:
                return crawl
        raise AssertionError("the crawl has no end")

    async def state(self, crawl_id: UUID) -> Crawl:
        """Return a crawl as it is now."""
        async with self.tenant.unit_of_work() as uow:
            crawl = await uow.crawls.get(crawl_id)
        assert crawl is not None
        return crawl

    async def website(self, source_id: UUID) -> Website:
        """Return a website as it is now."""
        async with self.tenant.unit_of_work() as uow:
            website = await uow.websites.get(source_id)
        assert website is not None
        return website

    async def pages(self, source_id: UUID) -> dict[str, WebsitePage]:
        """Return the pages that a website knows, by path."""
        async with self.tenant.unit_of_work() as uow:
            found, _ = await uow.website_pages.of_source(source_id, offset=0, limit=10_000)
        return {"/" + page.key.partition("/")[2]: page for page, _ in found}

    async def documents(self) -> list[Document]:
        """Return the tenant's documents that are not deleted, by their addresses."""
        async with self.tenant.unit_of_work() as uow:
            query = uow.documents.owned().where(Document.deleted_at.is_(None))
            found = (await uow.session.scalars(query)).all()
        return sorted(found, key=lambda document: document.source_url or "")

    async def content(self, document: Document) -> str:
        """Return a document's bytes as text."""
        return self.blobs.kept[self.tenant.id, f"documents/{document.blob_id}"].decode()

    async def jobs(self, kind: str) -> int:
        """Return how many jobs of a kind were ever queued."""
        async with self.tenant.unit_of_work() as uow:
            row = await uow.session.execute(
                text("SELECT count(*) FROM jobs WHERE tenant_id = :tenant AND kind = :kind"),
                {"tenant": self.tenant.id, "kind": kind},
            )
            return int(row.scalar_one())

    async def events(self) -> list[str]:
        """Return the names of the events that were recorded."""
        async with self.tenant.unit_of_work() as uow:
            rows = await uow.session.execute(
                text("SELECT name FROM outbox WHERE tenant_id = :tenant ORDER BY id"),
                {"tenant": self.tenant.id},
            )
            return [row[0] for row in rows]


async def counted_listener(hits: list[str]) -> tuple[asyncio.Server, int]:
    """Listen on the loopback of both kinds and count who connects."""

    async def heard(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits.append(str(writer.get_extra_info("peername")))
        with contextlib.suppress(ConnectionError):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(heard, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def shop(site: Site) -> None:
    """Give a site three pages, a sitemap and a menu."""
    site.pages |= {
        "/": html("<p>We sell kettles.</p>" + links("/kettles", "/about/"), title="Kettle shop"),
        "/kettles": html("<p>The warranty of a kettle is two years.</p>", title="Kettles"),
        "/about/": html("<p>We are three people in a garage.</p>", title="About"),
    }


async def reasons(crawler: Crawler, source_id: UUID) -> dict[str, str | None]:
    """Return why pages are not documents, by path; None for those that are."""
    return {path: page.reason for path, page in (await crawler.pages(source_id)).items()}
