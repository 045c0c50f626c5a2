"""A page with the widget says hello: public, so it is believed very little."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from services.documents.domain.errors import AgentNotFound
from services.documents.domain.ports import Agents
from services.documents.domain.web_addresses import BadAddress, Scope, WebAddress, read_address
from services.documents.domain.website_errors import AddressNotAllowed, PageNotOfSite
from services.documents.domain.websites import (
    KNOWN_PER_PAGE,
    UNSEEN_BY_VISITORS,
    FoundBy,
    FoundPage,
)
from services.documents.models import Crawl, Website, WebsitePage
from services.documents.repositories.tasks import TaskLookup
from services.documents.repositories.unit_of_work import DocumentsUnitOfWork
from services.documents.use_cases.start_crawl import VISITORS_EVERY, start_in

OpenForTenant = Callable[[UUID], DocumentsUnitOfWork]
Admit = Callable[[UUID], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What the page says.

    `origin` is what the browser says of it, which a page cannot choose.
    """

    agent_id: UUID
    url: str
    title: str | None
    trigger_crawl: bool
    origin: str | None


@dataclass(frozen=True, kw_only=True)
class GreetWebsite:
    """Note a page of a website that the agent's company has added, and nothing else."""

    tasks: TaskLookup
    agents: Agents
    open_for: OpenForTenant
    admit: Admit

    async def __call__(
        self, greeting: Greeting
    ) -> tuple[Website, WebsitePage | None, Crawl | None]:
        """Return the website, the page if it is known, and a crawl if one was begun.

        Raises:
            AddressNotAllowed: What should be the page's address is none.
            PageNotOfSite: None of the agent's websites has such a page, or there is no such agent.
            RateLimited: The company's budget is used up.
        """
        try:
            address = read_address(greeting.url)
            origin = _origin(greeting.origin)
        except BadAddress as error:
            raise AddressNotAllowed(f"The address {error}.") from None
        if origin is not None and origin.site != address.site:
            raise PageNotOfSite
        found = await self.tasks.website_of(greeting.agent_id, address.site)
        if not found:
            raise PageNotOfSite
        tenant_id = found[0].tenant_id
        await self.admit(tenant_id)
        try:
            await self.agents.find(tenant_id, greeting.agent_id)
        except AgentNotFound:
            raise PageNotOfSite from None
        async with self.open_for(tenant_id) as uow:
            for one in found:
                website = await uow.websites.living(one.source_id, lock=True)
                if website is None:
                    continue
                scope = Scope(
                    site=website.site,
                    allowed=website.allowed_paths,
                    disallowed=website.disallowed_paths,
                )
                if scope.follows(address):
                    page = await self._note(uow, website, greeting)
                    crawl = await self._crawl(uow, website) if greeting.trigger_crawl else None
                    return website, page, crawl
        raise PageNotOfSite

    async def _note(
        self, uow: DocumentsUnitOfWork, website: Website, greeting: Greeting
    ) -> WebsitePage | None:
        address = read_address(greeting.url)
        page = await uow.website_pages.with_key(website.id, address.key)
        if page is not None:
            return page
        # Anybody may write this. A query is often shown in the page that it asks for, so strangers
        # would choose what the agent learns; and it must not fill the website up.
        if "?" in address.url:
            return None
        if await uow.website_pages.count_unseen_of_visitors(website.id) >= UNSEEN_BY_VISITORS:
            return None
        noted = FoundPage(
            url=address.url,
            key=address.key,
            depth=min(1, website.max_depth),
            found_by=FoundBy.VISITOR,
        )
        room = KNOWN_PER_PAGE * website.max_pages
        await uow.website_pages.add_found(website.id, [noted], room=room)
        return await uow.website_pages.with_key(website.id, address.key)

    async def _crawl(self, uow: DocumentsUnitOfWork, website: Website) -> Crawl | None:
        last = website.last_crawled_at
        if last is not None and datetime.now(UTC) - last < VISITORS_EVERY:
            return None
        return await start_in(uow, website)


def _origin(origin: str | None) -> WebAddress | None:
    # Pages in a sandbox say "null".
    return read_address(origin) if origin and origin != "null" else None
