"""Adding, listing and changing websites."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from libs.common.events.catalogue.documents import WebsiteAdded
from libs.common.ids import new_id
from libs.common.outbound import OutboundPolicy
from services.documents.domain.ports import Agents
from services.documents.domain.web_addresses import BadAddress, WebAddress, read_address
from services.documents.domain.website_errors import (
    AddressNotAllowed,
    WebsiteExists,
    WebsiteNotFound,
)
from services.documents.domain.websites import CrawlState, SiteChanges, SiteDetails, SiteStatus
from services.documents.models import Crawl, Website, WebsitePage
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork, OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class AddressCheck:
    """Says which addresses may be fetched at all, before any is."""

    policy: OutboundPolicy

    def __call__(self, url: str, *, site: str | None = None) -> WebAddress:
        """Return the address.

        Raises:
            AddressNotAllowed: And why.
        """
        try:
            address = read_address(url)
        except BadAddress as error:
            raise AddressNotAllowed(f"The address {url[:200]} {error}.") from None
        if why_not := self.policy.why_not(address.url):
            raise AddressNotAllowed(f"The address {url[:200]} {why_not}.")
        if site is not None and address.site != site:
            raise AddressNotAllowed(f"The address {url[:200]} is on another site than the base.")
        return address


@dataclass(frozen=True, kw_only=True)
class AddWebsite:
    """Give an agent a website; its first crawl is asked for, or comes by its schedule."""

    tenant_id: UUID
    caller_id: UUID | None
    unit_of_work: OpenUnitOfWork
    agents: Agents
    check: AddressCheck

    async def __call__(self, details: SiteDetails) -> Website:
        """Add a website.

        Raises:
            AgentNotFound: The tenant has no such agent.
            AddressNotAllowed: The base or a seed cannot be fetched.
            WebsiteExists: The agent has it already.
        """
        base = self.check(details.base_url)
        seeds = [self.check(seed, site=base.site).url for seed in details.seed_urls]
        await self.agents.find(self.tenant_id, details.agent_id)
        now = datetime.now(UTC)
        website = Website(
            id=new_id(),
            agent_id=details.agent_id,
            base_url=base.url,
            base_key=base.key,
            site=base.site,
            seed_urls=seeds,
            allowed_paths=list(details.allowed_paths),
            disallowed_paths=list(details.disallowed_paths),
            crawl_frequency_minutes=details.crawl_frequency_minutes,
            max_pages=details.max_pages,
            max_depth=details.max_depth,
            notes=details.notes,
            status=SiteStatus.ACTIVE,
            added_by=self.caller_id,
            next_crawl_at=None if details.crawl_frequency_minutes is None else now,
            created_at=now,
            updated_at=now,
        )
        async with self.unit_of_work() as uow:
            if not await uow.websites.add_if_new(website):
                raise WebsiteExists
            uow.outbox.record(
                WebsiteAdded(website_id=website.id, agent_id=website.agent_id),
                aggregate_id=website.id,
            )
        return website


@dataclass(frozen=True, kw_only=True)
class ListWebsites:
    """Show the tenant's websites, newest first."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    agents: Agents

    async def __call__(
        self, *, agent_id: UUID | None, offset: int, limit: int, agent_must_exist: bool = False
    ) -> tuple[Sequence[Website], int]:
        """Return a stretch of the list, and how long the list is.

        Raises:
            AgentNotFound: `agent_must_exist`, and the tenant has no such agent.
        """
        if agent_must_exist and agent_id is not None:
            await self.agents.find(self.tenant_id, agent_id)
        async with self.unit_of_work(read_only=True) as uow:
            return await uow.websites.page(agent_id=agent_id, offset=offset, limit=limit)


@dataclass(frozen=True, kw_only=True)
class GetWebsite:
    """Show one website with its newest crawl."""

    unit_of_work: OpenUnitOfWork

    async def __call__(self, source_id: UUID) -> tuple[Website, Crawl | None]:
        """Return the website.

        Raises:
            WebsiteNotFound: The tenant has no such website.
        """
        async with self.unit_of_work(read_only=True) as uow:
            website = await uow.websites.living(source_id)
            if website is None:
                raise WebsiteNotFound
            return website, await uow.crawls.last_of(source_id)


@dataclass(frozen=True, kw_only=True)
class ListWebsitePages:
    """Show the pages of a website, those nearest to its start first."""

    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, source_id: UUID, *, offset: int, limit: int
    ) -> tuple[Website, list[tuple[WebsitePage, str | None]], int]:
        """Return the website, some of its pages with their documents' states, and their number.

        Raises:
            WebsiteNotFound: The tenant has no such website.
        """
        async with self.unit_of_work(read_only=True) as uow:
            website = await uow.websites.living(source_id)
            if website is None:
                raise WebsiteNotFound
            pages, total = await uow.website_pages.of_source(source_id, offset=offset, limit=limit)
            return website, pages, total


@dataclass(frozen=True, kw_only=True)
class ChangeWebsite:
    """Change what is crawled, and when; the next crawl goes by it."""

    unit_of_work: OpenUnitOfWork
    check: AddressCheck

    async def __call__(self, source_id: UUID, changes: SiteChanges) -> Website:
        """Change a website.

        Raises:
            WebsiteNotFound: The tenant has no such website.
            AddressNotAllowed: An address cannot be fetched, or is on another site.
            WebsiteExists: Another website of the agent has this base.
        """
        values = dict(changes.values)
        async with self.unit_of_work() as uow:
            website = await uow.websites.living(source_id, lock=True)
            if website is None:
                raise WebsiteNotFound
            if (base_url := values.pop("base_url", None)) is not None:
                base = self.check(str(base_url), site=website.site)
                if base.key != website.base_key:
                    twin = await uow.websites.with_base(website.agent_id, base.key)
                    if twin is not None:
                        raise WebsiteExists
                website.base_url, website.base_key = base.url, base.key
            if (seeds := values.pop("seed_urls", None)) is not None:
                found = [self.check(str(seed), site=website.site).url for seed in _listed(seeds)]
                website.seed_urls = found
            status = values.pop("status", None)
            if "crawl_frequency_minutes" in values:
                _set_frequency(website, values.pop("crawl_frequency_minutes"))
            for name, value in values.items():
                setattr(website, name, value)
            if status is not None:
                await self._set_status(uow, website, SiteStatus(str(status)))
        return website

    async def _set_status(
        self, uow: DocumentsUnitOfWork, website: Website, status: SiteStatus
    ) -> None:
        crawls = uow.crawls
        if status is SiteStatus.INACTIVE:
            running = await crawls.under_way(website.id)
            if running is not None:
                await crawls.end(running.id, CrawlState.CANCELLED)
            website.status = SiteStatus.INACTIVE
            website.next_crawl_at = None
        elif website.status == SiteStatus.INACTIVE:
            website.status = SiteStatus.ACTIVE
            _set_frequency(website, website.crawl_frequency_minutes)


def _set_frequency(website: Website, minutes: object) -> None:
    website.crawl_frequency_minutes = minutes if isinstance(minutes, int) else None
    every = website.crawl_frequency_minutes
    if every is None or website.status == SiteStatus.INACTIVE:
        website.next_crawl_at = None
        return
    last = website.last_crawled_at or website.created_at - timedelta(days=3650)
    website.next_crawl_at = max(last + timedelta(minutes=every), datetime.now(UTC))


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []
