"""Websites, their pages and crawls as the API takes and shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, StringConstraints

from libs.common.http import Page
from services.documents.domain.websites import (
    DEFAULT_DEPTH,
    DEFAULT_PAGES,
    MAX_DEPTH,
    MAX_FREQUENCY_MINUTES,
    MAX_PATTERNS,
    MAX_SEEDS,
    MIN_FREQUENCY_MINUTES,
    CrawlKind,
    CrawlState,
    SiteChanges,
    SiteDetails,
)
from services.documents.models import Crawl, Website, WebsitePage

MAX_PAGES = 10_000

Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Pattern = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=r"^[/*]")
]


def _list(value: object) -> object:
    return [] if value is None else value


Seeds = Annotated[list[Url], Field(max_length=MAX_SEEDS), BeforeValidator(_list)]
Patterns = Annotated[list[Pattern], Field(max_length=MAX_PATTERNS), BeforeValidator(_list)]
Pages = Annotated[int, Field(ge=1, le=MAX_PAGES)]
Depth = Annotated[int, Field(ge=0, le=MAX_DEPTH)]
Minutes = Annotated[int, Field(ge=MIN_FREQUENCY_MINUTES, le=MAX_FREQUENCY_MINUTES)]
Notes = Annotated[str, StringConstraints(max_length=5000)]


class WebsiteIn(BaseModel):
    """A website to be added to an agent."""

    agent_id: UUID
    base_url: Url = Field(validation_alias=AliasChoices("base_url", "url"))
    seed_urls: Seeds = []
    allowed_paths: Patterns = Field(
        default=[], description="Beginnings of paths; `*` for anything, `$` for the end."
    )
    disallowed_paths: Patterns = []
    crawl_frequency_minutes: Minutes | None = Field(
        default=None, description="Without it the website is crawled when asked."
    )
    max_pages: Pages = DEFAULT_PAGES
    max_depth: Depth = Field(
        default=DEFAULT_DEPTH, description="0: only the base and the seeds, no links, no sitemap."
    )
    notes: Notes | None = None

    def details(self) -> SiteDetails:
        """Return what the use case takes."""
        return SiteDetails(
            agent_id=self.agent_id,
            base_url=self.base_url,
            seed_urls=tuple(self.seed_urls),
            allowed_paths=tuple(self.allowed_paths),
            disallowed_paths=tuple(self.disallowed_paths),
            crawl_frequency_minutes=self.crawl_frequency_minutes,
            max_pages=self.max_pages,
            max_depth=self.max_depth,
            notes=self.notes,
        )


class WebsiteChangesIn(BaseModel):
    """What is to change of a website; what is left out stays."""

    base_url: Url | None = Field(default=None, validation_alias=AliasChoices("base_url", "url"))
    seed_urls: Seeds = []
    allowed_paths: Patterns = []
    disallowed_paths: Patterns = []
    crawl_frequency_minutes: Minutes | None = None
    max_pages: Pages | None = None
    max_depth: Depth | None = None
    notes: Notes | None = None
    status: Literal["active", "inactive"] | None = None

    def changes(self) -> SiteChanges:
        """Return the fields that were sent; null empties a schedule and notes only."""
        given = self.model_dump(exclude_unset=True)
        kept = {
            name: value
            for name, value in given.items()
            if value is not None or name in ("crawl_frequency_minutes", "notes")
        }
        return SiteChanges(values=kept)


class CrawlIn(BaseModel):
    """How a crawl differs from the website's settings."""

    max_pages: Pages | None = None


class GreetingIn(BaseModel):
    """What a page with the widget says."""

    agent_id: UUID
    url: Url
    title: Annotated[str, StringConstraints(max_length=1000)] | None = None
    trigger_crawl: bool = False


class WebsiteOut(BaseModel):
    """A website."""

    id: UUID
    agent_id: UUID
    url: str
    base_url: str
    status: str = Field(description="active, inactive, crawling or failed.")
    error: str | None = Field(description="Why the last crawl failed.")
    seed_urls: list[str]
    allowed_paths: list[str]
    disallowed_paths: list[str]
    crawl_frequency_minutes: int | None
    max_pages: int
    max_depth: int
    notes: str | None
    last_crawled_at: datetime | None
    next_crawl_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, website: Website) -> Self:
        """Show a website."""
        own = {name: getattr(website, name) for name in cls.model_fields if name != "url"}
        return cls(url=website.base_url, **own)


class CrawlOut(BaseModel):
    """A crawl, by its counts."""

    task_id: UUID
    status: str
    processed_pages: int
    added: int
    changed: int
    unchanged: int
    removed: int
    failed: int
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, crawl: Crawl) -> Self:
        """Show a crawl."""
        return cls(
            task_id=crawl.id,
            status=crawl.state,
            processed_pages=crawl.processed,
            added=crawl.added,
            changed=crawl.changed,
            unchanged=crawl.unchanged,
            removed=crawl.removed,
            failed=crawl.failed,
            error=crawl.error,
            started_at=crawl.started_at,
            finished_at=crawl.finished_at,
        )


class WebsitePageOut(BaseModel):
    """A page of a website."""

    id: UUID
    url: str
    title: str | None
    status: str = Field(description="pending, crawled, failed or excluded.")
    reason: str | None = Field(description="Why it is no document, or could not be fetched.")
    http_status: int | None
    depth: int
    found_by: str = Field(description="seed, sitemap, link or visitor.")
    document_id: UUID | None
    document_status: str | None
    last_crawled_at: datetime | None
    changed_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, page: WebsitePage, document_status: str | None) -> Self:
        """Show a page."""
        return cls(
            id=page.id,
            url=page.url,
            title=page.title,
            status=page.status,
            reason=page.reason,
            http_status=page.http_status,
            depth=page.depth,
            found_by=page.found_by,
            document_id=page.document_id,
            document_status=document_status,
            last_crawled_at=page.visited_at,
            changed_at=page.changed_at,
            created_at=page.created_at,
        )


class WebsiteSavedOut(BaseModel):
    """A website that was added, changed or asked for; its id also stands outside."""

    id: UUID
    message: str | None = None
    website_source: WebsiteOut
    source: WebsiteOut
    last_crawl: CrawlOut | None = None


class WebsiteListOut(BaseModel):
    """A page of websites, under each of the names that clients look for."""

    sources: list[WebsiteOut]
    website_sources: list[WebsiteOut]
    data: list[WebsiteOut]
    pagination: Page

    @classmethod
    def of(cls, websites: Sequence[Website], page: Page) -> Self:
        """Show a page of websites."""
        shown = [WebsiteOut.of(website) for website in websites]
        return cls(sources=shown, website_sources=shown, data=shown, pagination=page)


class WebsitePageListOut(BaseModel):
    """A website with some of its pages."""

    website_source: WebsiteOut
    pages: list[WebsitePageOut]
    pagination: Page


class CrawlAcceptedOut(BaseModel):
    """A task about a website; where to ask for its end."""

    status: Literal["accepted"] = "accepted"
    message: str
    task_id: UUID
    status_url: str
    website_source_id: UUID


class WebsiteDeletedOut(BaseModel):
    """A website that is gone, with nothing to wait for."""

    status: Literal["deleted", "already_inactive"]
    message: str
    website_source_id: UUID


class CrawlCancelledOut(BaseModel):
    """A crawl that was stopped."""

    status: Literal["cancelled"] = "cancelled"
    message: str
    website_source_id: UUID


def greeted(website: Website, page: WebsitePage | None, crawl: Crawl | None) -> dict[str, Any]:
    """Return what anybody may know: no more than the page's own address tells."""
    return {
        "message": "The agent is at home here.",
        "website_source": {"id": website.id, "url": website.base_url, "status": website.status},
        "website_page": None
        if page is None
        else {"id": page.id, "url": page.url, "status": page.status},
        "crawl_task_id": None if crawl is None else str(crawl.id),
    }


_STATES = {
    CrawlState.QUEUED: ("pending", "PENDING", "The crawl waits for its turn."),
    CrawlState.RUNNING: ("processing", "STARTED", "The website is being crawled."),
    CrawlState.COMPLETED: ("completed", "SUCCESS", "The website was crawled."),
    CrawlState.FAILED: ("failed", "FAILURE", "The website could not be crawled."),
    CrawlState.CANCELLED: ("failed", "FAILURE", "The crawl was cancelled."),
}
_INDEXING = ("processing", "STARTED", "The pages are being indexed.")


def crawl_status(crawl: Crawl, *, waiting: int, pages: Sequence[WebsitePage]) -> dict[str, Any]:
    """Return a task's payload; a result also stands at its top level, where some look for it."""
    state = CrawlState(crawl.state)
    deletion = crawl.kind == CrawlKind.DELETION
    indexing = state is CrawlState.COMPLETED and waiting > 0
    status, word, message = _INDEXING if indexing else _STATES[state]
    if deletion:
        done = state is CrawlState.COMPLETED
        message = "The website was deleted." if done else "The website's pages are being purged."
    kept = crawl.added + crawl.changed + crawl.unchanged
    payload: dict[str, Any] = {
        "task_id": str(crawl.id),
        "status": status,
        "state": word,
        "progress": 100 if status == "completed" else _percent(crawl, kept, waiting, indexing),
        "stage": "indexing" if indexing else "deleting" if deletion else "crawling",
        "message": message,
        "status_url": f"/api/v1/tasks/{crawl.id}/status",
        "created_at": crawl.created_at,
        "completed_at": crawl.finished_at,
    }
    if status == "failed":
        payload["error"] = crawl.error or message
        payload["error_code"] = crawl.error_code or "crawl_failed"
    if status == "completed":
        result: dict[str, Any] = {"website_source_id": crawl.source_id, "status": "completed"}
        if not deletion:
            result |= {
                "processed_pages": kept,
                "discovered_urls": [page.url for page in pages],
                "failures": [
                    {"url": page.url, "error": page.reason}
                    for page in pages
                    if page.status == "failed"
                ],
                **{
                    name: getattr(crawl, name)
                    for name in ("added", "changed", "unchanged", "removed")
                },
            }
        payload = {**result, **payload, "result": result}
    return payload


def _percent(crawl: Crawl, kept: int, waiting: int, indexing: bool) -> int:
    if indexing:
        return max(90, 99 - waiting)
    return min(89, round(90 * kept / crawl.max_pages)) if crawl.max_pages else 0
