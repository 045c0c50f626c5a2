"""What crawling asks of the world, and the values that pass through."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from services.documents.domain.web_addresses import WebAddress


@dataclass(frozen=True, kw_only=True)
class FetchedPage:
    """What a server answered.

    Attributes:
        address: Where the answer came from, after redirects.
        status: 200 or 304.
        media_type: As declared, in lower case; empty when nothing was.
        charset: As declared.
        body: Unpacked; empty for 304.
        robots: The header `X-Robots-Tag`.
    """

    address: WebAddress
    status: int
    media_type: str
    charset: str | None
    body: bytes
    etag: str | None
    last_modified: str | None
    robots: str


MayFollow = Callable[[WebAddress], Awaitable[None]]
"""Raises `PageNotFetched` when a redirect must not be followed."""


class Fetcher(Protocol):
    """Gets pages from places that tenants have chosen; it reaches public addresses only."""

    async def fetch(
        self,
        address: WebAddress,
        *,
        max_bytes: int,
        may_follow: MayFollow | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> FetchedPage:
        """Return a page.

        Args:
            address: Of the page.
            max_bytes: So much at most, unpacked.
            may_follow: Asked for each redirect.
            etag: What the server called the version that is known; it may answer 304.
            last_modified: The same by time.

        Raises:
            PageNotFetched: And why.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ReadPage:
    """What a page of HTML says.

    Attributes:
        content: Its main part as HTML without what surrounds it; the same for the same content.
        title: Of the page.
        canonical: The address that the page says it has.
        links: Where it leads, without those that ask not to be followed.
        noindex: It asks to be left out.
        sketch: Of its words, to tell how alike two pages are.
        word_count: Of the main part.
    """

    content: bytes
    title: str | None
    canonical: str | None
    links: tuple[str, ...]
    noindex: bool
    sketch: frozenset[int]
    word_count: int


@dataclass(frozen=True, kw_only=True)
class ReadSitemap:
    """What a sitemap lists: pages, and further sitemaps."""

    pages: tuple[str, ...]
    sitemaps: tuple[str, ...]


class PageReader(Protocol):
    """Reads pages and sitemaps at arm's length, as documents are parsed."""

    async def read_page(self, content: bytes, *, url: str, charset: str | None) -> ReadPage:
        """Return what a page of HTML says.

        Raises:
            UnreadableDocument: It cannot be read.
        """
        ...

    async def read_sitemap(self, content: bytes, *, url: str) -> ReadSitemap:
        """Return what a sitemap lists; nothing when it is none.

        Raises:
            UnreadableDocument: It cannot be read.
        """
        ...


class SiteRules(Protocol):
    """A site's robots.txt."""

    @property
    def sitemaps(self) -> tuple[str, ...]:
        """The sitemaps that it names."""
        ...

    @property
    def delay_seconds(self) -> float:
        """How long it asks to wait between two pages; 0 when it does not."""
        ...

    def allows(self, url: str) -> bool:
        """Say whether a page may be fetched."""
        ...


class RobotsReader(Protocol):
    """Knows the rules of sites; remembers them for a while."""

    async def rules_of(self, address: WebAddress) -> SiteRules:
        """Return the rules for the host of an address.

        Raises:
            PageNotFetched: They cannot be had, so nothing may be fetched for now.
        """
        ...


class HostTurns(Protocol):
    """Lets one request at a time through to a host, of all workers, with pauses between."""

    def turn(self, site: str, *, delay_seconds: float) -> AbstractAsyncContextManager[None]:
        """Wait for one's turn; the pause begins when the block is left."""
        ...
