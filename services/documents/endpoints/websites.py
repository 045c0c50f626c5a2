"""Websites: adding, crawling, showing and deleting them, and the greeting of their pages."""

from uuid import UUID

from fastapi import APIRouter, Request

from libs.common.http import JsonResponse, errors
from services.documents.domain.errors import AgentNotFound
from services.documents.domain.website_errors import (
    AddressNotAllowed,
    NothingToCancel,
    PageNotOfSite,
    WebsiteExists,
    WebsiteInactive,
    WebsiteNotFound,
)
from services.documents.endpoints.access import Public, WebsiteReading, WebsiteWriting
from services.documents.endpoints.documents import Paging
from services.documents.schemas.websites import (
    CrawlAcceptedOut,
    CrawlCancelledOut,
    CrawlIn,
    CrawlOut,
    GreetingIn,
    WebsiteChangesIn,
    WebsiteDeletedOut,
    WebsiteIn,
    WebsiteListOut,
    WebsiteOut,
    WebsitePageListOut,
    WebsitePageOut,
    WebsiteSavedOut,
    greeted,
)
from services.documents.use_cases.greet_website import Greeting

router = APIRouter(prefix="/api/v1", tags=["websites"])


@router.post(
    "/website/source",
    status_code=201,
    responses=errors(AgentNotFound, AddressNotAllowed, WebsiteExists),
)
async def add_website(body: WebsiteIn, use: WebsiteWriting) -> WebsiteSavedOut:
    """Add a website to an agent. It is crawled when asked, or by its schedule."""
    website = await use.add_website(body.details())
    shown = WebsiteOut.of(website)
    return WebsiteSavedOut(
        id=website.id, message="The website was added.", website_source=shown, source=shown
    )


@router.get("/website/source")
async def list_websites(
    use: WebsiteReading, paging: Paging, agent_id: UUID | None = None
) -> WebsiteListOut:
    """List the company's websites, newest first."""
    websites, total = await use.list_websites(
        agent_id=agent_id, offset=paging.offset, limit=paging.per_page
    )
    return WebsiteListOut.of(websites, paging.of(total))


@router.get("/website/agent/{agent_id}/sources", responses=errors(AgentNotFound))
async def list_websites_of_agent(
    agent_id: UUID, use: WebsiteReading, paging: Paging
) -> WebsiteListOut:
    """List an agent's websites, newest first."""
    websites, total = await use.list_websites(
        agent_id=agent_id, offset=paging.offset, limit=paging.per_page, agent_must_exist=True
    )
    return WebsiteListOut.of(websites, paging.of(total))


@router.get("/website/source/{source_id}/pages", responses=errors(WebsiteNotFound))
async def list_website_pages(
    source_id: UUID, use: WebsiteReading, paging: Paging
) -> WebsitePageListOut:
    """List the pages that a website is known to have, those nearest to its start first."""
    website, pages, total = await use.list_website_pages(
        source_id, offset=paging.offset, limit=paging.per_page
    )
    return WebsitePageListOut(
        website_source=WebsiteOut.of(website),
        pages=[WebsitePageOut.of(page, status) for page, status in pages],
        pagination=paging.of(total),
    )


@router.get("/website/{source_id}", responses=errors(WebsiteNotFound))
async def get_website(source_id: UUID, use: WebsiteReading) -> WebsiteSavedOut:
    """Show a website with its newest crawl."""
    website, crawl = await use.get_website(source_id)
    shown = WebsiteOut.of(website)
    return WebsiteSavedOut(
        id=website.id,
        website_source=shown,
        source=shown,
        last_crawl=None if crawl is None else CrawlOut.of(crawl),
    )


@router.put(
    "/website/source/{source_id}",
    responses=errors(WebsiteNotFound, AddressNotAllowed, WebsiteExists),
)
async def change_website(
    source_id: UUID, body: WebsiteChangesIn, use: WebsiteWriting
) -> WebsiteSavedOut:
    """Change what is crawled, and when; `status: inactive` switches a website off."""
    website = await use.change_website(source_id, body.changes())
    shown = WebsiteOut.of(website)
    return WebsiteSavedOut(
        id=website.id, message="The website was changed.", website_source=shown, source=shown
    )


@router.delete("/website/source/{source_id}", status_code=202, responses=errors(WebsiteNotFound))
async def delete_website(source_id: UUID, use: WebsiteWriting) -> CrawlAcceptedOut:
    """Delete a website: from now on nobody finds its pages. The task is their purge."""
    task = await use.delete_website(source_id)
    if task is None:
        raise WebsiteNotFound
    return _accepted(task.id, source_id, "The website was deleted; its pages are being purged.")


@router.delete("/sdk/website/source/{source_id}", responses=errors(WebsiteNotFound))
async def delete_website_at_once(source_id: UUID, use: WebsiteWriting) -> WebsiteDeletedOut:
    """Delete a website, with nothing to wait for: nobody finds its pages from now on."""
    if await use.delete_website(source_id) is None:
        return WebsiteDeletedOut(
            status="already_inactive",
            message="The website was deleted before.",
            website_source_id=source_id,
        )
    return WebsiteDeletedOut(
        status="deleted",
        message="The website and its pages were deleted.",
        website_source_id=source_id,
    )


@router.post(
    "/website/source/{source_id}/crawl",
    status_code=202,
    responses=errors(WebsiteNotFound, WebsiteInactive),
)
async def crawl_website(
    source_id: UUID, use: WebsiteWriting, body: CrawlIn | None = None
) -> CrawlAcceptedOut:
    """Crawl a website; one that is being crawled goes on, under the same task."""
    crawl = await use.start_crawl(source_id, max_pages=body.max_pages if body else None)
    return _accepted(crawl.id, source_id, "The website is being crawled.")


@router.post(
    "/sdk/website/source/{source_id}/crawl",
    status_code=202,
    responses=errors(WebsiteNotFound, WebsiteInactive),
)
async def crawl_website_for_sdk(
    source_id: UUID, use: WebsiteWriting, body: CrawlIn | None = None
) -> CrawlAcceptedOut:
    """Crawl a website; the task's result has processed_pages, discovered_urls and failures."""
    crawl = await use.start_crawl(source_id, max_pages=body.max_pages if body else None)
    return _accepted(crawl.id, source_id, "The website is being crawled.")


@router.post(
    "/website/source/{source_id}/cancel", responses=errors(WebsiteNotFound, NothingToCancel)
)
async def cancel_crawl(source_id: UUID, use: WebsiteWriting) -> CrawlCancelledOut:
    """Stop the crawl of a website; what it has found stays."""
    await use.cancel_crawl(source_id)
    return CrawlCancelledOut(message="The crawl was stopped.", website_source_id=source_id)


@router.post("/website/handshake", responses=errors(PageNotOfSite, AddressNotAllowed))
async def greet_website(body: GreetingIn, request: Request, use: Public) -> JsonResponse:
    """Say that a page shows an agent's widget; the page must be of one of the agent's websites."""
    website, page, crawl = await use.greet_website(
        Greeting(
            agent_id=body.agent_id,
            url=body.url,
            title=body.title,
            trigger_crawl=body.trigger_crawl,
            origin=request.headers.get("origin"),
        )
    )
    return JsonResponse(greeted(website, page, crawl))


def _accepted(task_id: UUID, source_id: UUID, message: str) -> CrawlAcceptedOut:
    return CrawlAcceptedOut(
        message=message,
        task_id=task_id,
        status_url=f"/api/v1/tasks/{task_id}/status",
        website_source_id=source_id,
    )
