"""A website's life: what it is made of, its crawls and its pages."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

DEFAULT_PAGES: Final = 200
DEFAULT_DEPTH: Final = 3
MAX_DEPTH: Final = 10
MAX_PATTERNS: Final = 100
MAX_SEEDS: Final = 1000
MIN_FREQUENCY_MINUTES: Final = 15
MAX_FREQUENCY_MINUTES: Final = 525_600
# A page is taken out of the knowledge base when so many crawls in a row have not found it.
GONE_AFTER: Final = 2
# A page that does not answer is asked so often in one crawl.
PAGE_ATTEMPTS: Final = 3
# Addresses that a website may know for each page that it may have.
KNOWN_PER_PAGE: Final = 10
# Visitors of a page with our widget may name so many addresses that no crawl has seen yet.
UNSEEN_BY_VISITORS: Final = 50


class SiteStatus(StrEnum):
    """Where a website stands, in the words of the API."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    CRAWLING = "crawling"
    FAILED = "failed"


class PageStatus(StrEnum):
    """Where a page stands, in the words of the API."""

    PENDING = "pending"
    CRAWLED = "crawled"
    FAILED = "failed"
    EXCLUDED = "excluded"


class CrawlState(StrEnum):
    """Where a crawl, or a deletion, stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CrawlKind(StrEnum):
    """What a task about a website does."""

    CRAWL = "crawl"
    DELETION = "deletion"


class FoundBy(StrEnum):
    """How a website came to know a page."""

    SEED = "seed"
    SITEMAP = "sitemap"
    LINK = "link"
    VISITOR = "visitor"


@dataclass(frozen=True, kw_only=True)
class SiteDetails:
    """What a company says of a website when it adds it."""

    agent_id: UUID
    base_url: str
    seed_urls: tuple[str, ...] = ()
    allowed_paths: tuple[str, ...] = ()
    disallowed_paths: tuple[str, ...] = ()
    crawl_frequency_minutes: int | None = None
    max_pages: int = DEFAULT_PAGES
    max_depth: int = DEFAULT_DEPTH
    notes: str | None = None


@dataclass(frozen=True, kw_only=True)
class SiteChanges:
    """What is to change of a website, by column; what is not named stays."""

    values: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class KnownPage:
    """A page that a crawl is to visit, with what is known of it from the last time."""

    id: UUID
    url: str
    key: str
    depth: int
    found_by: str
    attempts: int = 0
    missed: int = 0
    reason: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    content_hash: bytes | None = None
    document_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class CrawlPlan:
    """A running crawl with what it needs of its website.

    `processed` counts what was fetched before, `kept` the pages among it that are documents.
    """

    id: UUID
    turn: int
    holder: UUID
    source_id: UUID
    agent_id: UUID
    base_url: str
    seed_urls: tuple[str, ...]
    allowed_paths: tuple[str, ...]
    disallowed_paths: tuple[str, ...]
    max_pages: int
    max_depth: int
    processed: int
    kept: int
    started_at: datetime
    prepared: bool


@dataclass(frozen=True, kw_only=True)
class Visit:
    """How a visit of a page ended, as the page's row keeps it."""

    status: PageStatus
    reason: str | None = None
    http_status: int | None = None
    url: str | None = None
    title: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    content_hash: bytes | None = None
    document_id: UUID | None = None
    missed: int = 0
    changed: bool = False


@dataclass(frozen=True, kw_only=True)
class FoundPage:
    """An address to be visited."""

    url: str
    key: str
    depth: int
    found_by: FoundBy
