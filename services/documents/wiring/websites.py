"""The use cases of websites, and what the crawls of a worker share."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final
from uuid import UUID

from services.documents.adapters.parsing.sniff import sniff
from services.documents.adapters.web.fetcher import WebFetcher
from services.documents.domain.web_ports import Fetcher, HostTurns, PageReader, RobotsReader
from services.documents.repositories.tasks import TaskLookup
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork
from services.documents.use_cases.crawl_website import CrawlWebsite
from services.documents.use_cases.delete_website import DeleteWebsite, PurgeWebsite
from services.documents.use_cases.fail_document import FailDocument
from services.documents.use_cases.fetch_document import FetchDocument
from services.documents.use_cases.greet_website import GreetWebsite
from services.documents.use_cases.keep_page import KeepPage
from services.documents.use_cases.manage_websites import (
    AddressCheck,
    AddWebsite,
    ChangeWebsite,
    GetWebsite,
    ListWebsitePages,
    ListWebsites,
)
from services.documents.use_cases.note_addresses import NoteAddresses
from services.documents.use_cases.start_crawl import CancelCrawl, StartCrawl, StartDueCrawl
from services.documents.use_cases.visit_page import VisitPage
from services.documents.wiring.upkeep import UpkeepUseCases

if TYPE_CHECKING:
    from services.documents.wiring import Wiring

# The name that robots.txt files know us by.
CRAWLER: Final = "Knowrithm"


class WebsiteUseCases(UpkeepUseCases):
    """What one tenant can do with websites."""

    @property
    def _check_address(self) -> AddressCheck:
        return AddressCheck(policy=self.wiring.web.policy)

    @cached_property
    def note_addresses(self) -> NoteAddresses:
        """Make documents of addresses."""
        return NoteAddresses(caller_id=self._caller_id, check_address=self._check_address)

    @cached_property
    def add_website(self) -> AddWebsite:
        """Give an agent a website."""
        return AddWebsite(
            tenant_id=self.tenant_id,
            caller_id=self._caller_id,
            unit_of_work=self.unit_of_work,
            agents=self.wiring.agents,
            check=self._check_address,
        )

    @cached_property
    def list_websites(self) -> ListWebsites:
        """List websites."""
        return ListWebsites(
            tenant_id=self.tenant_id, unit_of_work=self.unit_of_work, agents=self.wiring.agents
        )

    @cached_property
    def get_website(self) -> GetWebsite:
        """Show one website."""
        return GetWebsite(unit_of_work=self.unit_of_work)

    @cached_property
    def list_website_pages(self) -> ListWebsitePages:
        """List a website's pages."""
        return ListWebsitePages(unit_of_work=self.unit_of_work)

    @cached_property
    def change_website(self) -> ChangeWebsite:
        """Change what is crawled, and when."""
        return ChangeWebsite(unit_of_work=self.unit_of_work, check=self._check_address)

    @cached_property
    def delete_website(self) -> DeleteWebsite:
        """Delete a website with its pages."""
        return DeleteWebsite(unit_of_work=self.unit_of_work)

    @cached_property
    def purge_website(self) -> PurgeWebsite:
        """Purge the pages of a deleted website."""
        return PurgeWebsite(unit_of_work=self.unit_of_work)

    @cached_property
    def start_crawl(self) -> StartCrawl:
        """Crawl a website."""
        return StartCrawl(unit_of_work=self.unit_of_work)

    @cached_property
    def start_due_crawl(self) -> StartDueCrawl:
        """Crawl a website whose time has come."""
        return StartDueCrawl(unit_of_work=self.unit_of_work)

    @cached_property
    def cancel_crawl(self) -> CancelCrawl:
        """Stop a crawl."""
        return CancelCrawl(unit_of_work=self.unit_of_work)

    def crawl_website(self, crawling: "Crawling") -> CrawlWebsite:
        """Visit a website's pages; only workers have what that takes."""
        return CrawlWebsite(
            tenant_id=self.tenant_id,
            unit_of_work=self.unit_of_work,
            agents=self.wiring.agents,
            visit=self._visit_page(crawling),
            not_found=crawling.not_found,
            stretch_seconds=crawling.stretch_seconds,
        )

    def fetch_document(self, crawling: "Crawling") -> FetchDocument:
        """Get the page that a document was made for."""
        return FetchDocument(
            tenant_id=self.tenant_id,
            unit_of_work=self.unit_of_work,
            blobs=self.wiring.blobs,
            visit=self._visit_page(crawling),
            fail=FailDocument(unit_of_work=self.unit_of_work),
        )

    def _visit_page(self, crawling: "Crawling") -> VisitPage:
        return VisitPage(
            keep=KeepPage(
                tenant_id=self.tenant_id, unit_of_work=self.unit_of_work, blobs=self.wiring.blobs
            ),
            fetcher=crawling.fetcher,
            reader=crawling.reader,
            robots=crawling.robots,
            turns=crawling.turns,
            sniff=sniff,
            max_bytes=self.wiring.settings.max_upload_bytes,
        )


@dataclass(frozen=True, kw_only=True)
class Crawling:
    """What the crawls of a worker share."""

    fetcher: Fetcher
    reader: PageReader
    robots: RobotsReader
    turns: HostTurns
    not_found: "OrderedDict[UUID, frozenset[int]]"
    stretch_seconds: float = 20.0

    @classmethod
    def of(cls, wiring: "Wiring", reader: PageReader) -> "Crawling":
        """Put it together; only workers do."""
        from services.documents.adapters.web.robots import RememberedRobots  # noqa: PLC0415 - the web process does without
        from services.documents.adapters.web.turns import PoliteTurns  # noqa: PLC0415 - the web process does without

        settings = wiring.settings
        agent = f"{CRAWLER}/1.0 (+{settings.public_url})"
        fetcher = WebFetcher(outbound=wiring.web, user_agent=agent)
        return cls(
            fetcher=fetcher,
            reader=reader,
            robots=RememberedRobots(fetcher=fetcher, agent=CRAWLER),
            turns=PoliteTurns(
                redis=wiring.resources.redis, pause_seconds=settings.crawl_pause_seconds
            ),
            not_found=OrderedDict(),
        )


def greet_website(wiring: "Wiring") -> GreetWebsite:
    """Hear the greeting of a page with the widget."""
    database = wiring.resources.database

    def open_for(tenant_id: UUID) -> DocumentsUnitOfWork:
        return DocumentsUnitOfWork(database, tenant_id, wake=wiring.wake)

    async def admit(tenant_id: UUID) -> None:
        await wiring.resources.rate_limits.admit_for(tenant_id, "handshake")

    return GreetWebsite(
        tasks=TaskLookup(database=database),
        agents=wiring.agents,
        open_for=open_for,
        admit=admit,
    )
