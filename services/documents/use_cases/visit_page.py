"""One page of a crawl: fetched, judged, and made a document or taken out again.

What a visit leads to is written in one transaction that also holds the crawl: a worker that dies
before it has done nothing, and one whose crawl was taken over or cancelled does nothing.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote, urlsplit

from services.documents.domain.documents import clean_filename
from services.documents.domain.errors import UnreadableDocument
from services.documents.domain.web_addresses import (
    BadAddress,
    Scope,
    WebAddress,
    is_trap,
    read_address,
)
from services.documents.domain.web_ports import (
    FetchedPage,
    Fetcher,
    HostTurns,
    PageReader,
    ReadPage,
    RobotsReader,
)
from services.documents.domain.website_errors import PageNotFetched
from services.documents.domain.websites import (
    GONE_AFTER,
    PAGE_ATTEMPTS,
    CrawlPlan,
    FoundBy,
    FoundPage,
    KnownPage,
    PageStatus,
    Visit,
)
from services.documents.use_cases.keep_page import KeepPage, PageContent

# What a page may be, declared or not; anything else is passed by.
_HTML: Final = frozenset({"text/html", "application/xhtml+xml"})
_NO_DOCUMENTS: Final = ("image/", "audio/", "video/", "font/", "text/css", "text/javascript")
_INDEXED: Final = frozenset({"pdf", "docx", "pptx", "xlsx", "md", "txt", "rtf", "odt", "epub"})
_HEAD_BYTES: Final = 64 * 1024
# Texts whose runs of words are so much the same are one text, with another date or address in it.
ALIKE: Final = 0.85
MAX_HTML_BYTES: Final = 10 * 1024 * 1024

Sniff = Callable[[bytes, str], str | None]


class Outcome(StrEnum):
    """What became of a visit, for the crawl's counters; `lost` is the end of it."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    FAILED = "failed"
    PASSED = "passed"
    POSTPONED = "postponed"
    LOST = "lost"


@dataclass(frozen=True, kw_only=True)
class Visited:
    """The outcome, and how long the server wants to be left alone."""

    outcome: Outcome
    wait_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class VisitPage:
    """Visit one page of a website."""

    keep: KeepPage
    fetcher: Fetcher
    reader: PageReader
    robots: RobotsReader
    turns: HostTurns
    sniff: Sniff
    max_bytes: int

    async def __call__(
        self, plan: CrawlPlan, scope: Scope, page: KnownPage, *, not_found: frozenset[int]
    ) -> Visited:
        """Fetch a page and note what it is.

        Args:
            plan: The crawl.
            scope: Which pages belong to it.
            page: What is known.
            not_found: The sketch of what the site says of pages that do not exist.

        Raises:
            Unavailable: A part of ours is out of reach; visiting again may help.
        """
        try:
            address = read_address(page.url)
            _check_scope(scope, address, known=page.depth == 0)
            fetched = await self.fetch(address, scope=scope, page=page)
            if fetched.status == 304:
                return await self._unchanged(plan, page, fetched)
            found = await self._read(fetched, page, not_found=not_found, base_key=plan.base_url)
        except BadAddress:
            error = PageNotFetched("url_not_allowed", "The address is not valid.", excluded=True)
            return await self._missed(plan, page, error)
        except PageNotFetched as error:
            return await self._missed(plan, page, error)
        except UnreadableDocument as error:
            unread = PageNotFetched(error.code, error.message, excluded=True)
            return await self._missed(plan, page, unread)
        return await self._keep(plan, scope, page, fetched, found)

    async def fetch(
        self, address: WebAddress, *, scope: Scope | None, page: KnownPage | None = None
    ) -> FetchedPage:
        """Fetch a page as robots.txt and politeness allow.

        Args:
            address: Of the page.
            scope: Where redirects may lead; anywhere public when None.
            page: What is known of it, so that the server need not send it again.

        Raises:
            PageNotFetched: And why.
        """
        rules = await self.robots.rules_of(address)
        if not rules.allows(address.url):
            raise _refused_by_robots()

        async def may_follow(target: WebAddress) -> None:
            if scope is not None:
                _check_scope(scope, target, known=False, redirected=True)
            target_rules = await self.robots.rules_of(target)
            if not target_rules.allows(target.url):
                raise _refused_by_robots()

        known = page if page is not None and page.document_id is not None else None
        async with self.turns.turn(address.site, delay_seconds=rules.delay_seconds):
            return await self.fetcher.fetch(
                address,
                max_bytes=self.max_bytes,
                may_follow=may_follow,
                etag=known.etag if known else None,
                last_modified=known.last_modified if known else None,
            )

    async def read(self, fetched: FetchedPage) -> tuple[PageContent, ReadPage | None]:
        """Return what a page would be as a document, and what it says if it is HTML.

        Raises:
            PageNotFetched: It holds nothing to be known.
            UnreadableDocument: It cannot be read.
        """
        if fetched.media_type.startswith(_NO_DOCUMENTS):
            raise _unsupported(fetched.media_type)
        name = _file_name(fetched.address)
        kind = self.sniff(fetched.body[:_HEAD_BYTES], name) if fetched.body.strip() else None
        if kind == "html" or (kind in ("txt", "xml", "md") and fetched.media_type in _HTML):
            if len(fetched.body) > MAX_HTML_BYTES:
                raise PageNotFetched("page_too_large", "The page is too large.", excluded=True)
            said = await self.reader.read_page(
                fetched.body, url=fetched.address.url, charset=fetched.charset
            )
            if not said.word_count:
                raise PageNotFetched(
                    "no_text",
                    "The page holds no text without JavaScript, which is not run.",
                    excluded=True,
                )
            title = said.title or name
            # A slash is no folder here.
            filename = clean_filename(title.replace("/", "\u2215").replace("\\", "\u2216"))
            return PageContent(said.content, "html", filename, fetched.address.url), said
        if kind is None:
            raise _unsupported(fetched.media_type)
        return PageContent(fetched.body, kind, clean_filename(name), fetched.address.url), None

    async def _read(
        self, fetched: FetchedPage, page: KnownPage, *, not_found: frozenset[int], base_key: str
    ) -> tuple[PageContent, ReadPage | None]:
        content, said = await self.read(fetched)
        if said is None and content.document_type not in _INDEXED:
            raise _unsupported(fetched.media_type)
        is_base = read_address(base_key).key == page.key
        if said is not None and not is_base and alike(said.sketch, not_found) >= ALIKE:
            raise PageNotFetched(
                "soft_not_found",
                "The page says what the site says of pages that do not exist.",
                status=200,
                gone=True,
            )
        return content, said

    async def _keep(
        self,
        plan: CrawlPlan,
        scope: Scope,
        page: KnownPage,
        fetched: FetchedPage,
        found: tuple[PageContent, ReadPage | None],
    ) -> Visited:
        content, said = found
        robots = fetched.robots.lower()
        links: list[FoundPage] = []
        if said is not None and "nofollow" not in robots and page.depth < plan.max_depth:
            links = found_pages(said.links, scope, depth=page.depth + 1, found_by=FoundBy.LINK)
        noindex = "noindex" in robots or (said is not None and said.noindex)
        canonical = said.canonical if said is not None else None
        visit = Visit(
            status=PageStatus.CRAWLED,
            http_status=200,
            url=fetched.address.url,
            title=said.title if said is not None else content.filename,
            etag=fetched.etag,
            last_modified=fetched.last_modified,
            content_hash=hashlib.sha256(content.body).digest(),
        )
        outcome = await self.keep(
            plan,
            page,
            content,
            visit,
            links=links,
            at=fetched.address,
            noindex=noindex,
            canonical=_canonical(canonical, scope),
        )
        return Visited(outcome=Outcome(outcome))

    async def _unchanged(self, plan: CrawlPlan, page: KnownPage, fetched: FetchedPage) -> Visited:
        visit = Visit(
            status=PageStatus.CRAWLED,
            http_status=304,
            etag=fetched.etag or page.etag,
            last_modified=fetched.last_modified or page.last_modified,
            content_hash=page.content_hash,
            document_id=page.document_id,
        )
        return Visited(outcome=Outcome(await self.keep.as_it_is(plan, page, visit)))

    async def _missed(self, plan: CrawlPlan, page: KnownPage, error: PageNotFetched) -> Visited:
        if error.temporary and page.attempts + 1 < PAGE_ATTEMPTS:
            kept = await self.keep.postpone(plan, page, reason=error.code)
            outcome = Outcome.POSTPONED if kept else Outcome.LOST
            return Visited(outcome=outcome, wait_seconds=error.wait_seconds)
        missed = page.missed + 1 if error.gone else page.missed
        visit = Visit(
            status=PageStatus.EXCLUDED if error.excluded else PageStatus.FAILED,
            reason=error.code,
            http_status=error.http_status_of_page,
            missed=missed,
            content_hash=page.content_hash,
            document_id=page.document_id,
        )
        removes = page.document_id is not None and (
            error.excluded or (error.gone and missed >= GONE_AFTER)
        )
        ended = await self.keep.without(
            plan, page, visit, removes=removes, fetched=not error.excluded
        )
        return Visited(outcome=Outcome(ended), wait_seconds=error.wait_seconds)


def found_pages(
    links: tuple[str, ...], scope: Scope, *, depth: int, found_by: FoundBy
) -> list[FoundPage]:
    """Return the addresses among links that should be visited."""
    found = []
    for link in links:
        try:
            address = read_address(link)
        except BadAddress:
            continue
        if scope.follows(address):
            found.append(
                FoundPage(url=address.url, key=address.key, depth=depth, found_by=found_by)
            )
    return found


def alike(one: frozenset[int], other: frozenset[int]) -> float:
    """Return how much two texts have in common by their sketches, 0 to 1 (Broder, 1997)."""
    if not one or not other:
        return 0.0
    size = min(len(one), len(other)) if len(one) >= 128 and len(other) >= 128 else None
    union = sorted(one | other)[:size]
    return len([each for each in union if each in one and each in other]) / len(union)


def _check_scope(
    scope: Scope, address: WebAddress, *, known: bool, redirected: bool = False
) -> None:
    why_not = scope.why_not(address)
    if why_not == "other_site" and redirected:
        raise PageNotFetched(
            "leads_elsewhere", f"The page leads to another site, {address.site}.", excluded=True
        )
    if why_not is not None and not (known and why_not == "not_an_allowed_path"):
        raise PageNotFetched(why_not, "The page is outside of what is crawled.", excluded=True)
    if not known and is_trap(address):
        raise PageNotFetched("trap", "The address grows without end.", excluded=True)


def _canonical(url: str | None, scope: Scope) -> WebAddress | None:
    if url is None:
        return None
    try:
        address = read_address(url)
    except BadAddress:
        return None
    # One on another site is where the company wants to be found, not what it wants to be known.
    return address if scope.follows(address) else None


def _refused_by_robots() -> PageNotFetched:
    return PageNotFetched(
        "robots", "The site's robots.txt asks not to fetch this page.", excluded=True
    )


def _unsupported(media_type: str) -> PageNotFetched:
    kind = media_type[:60] or "of an unknown type"
    return PageNotFetched("unsupported_type", f"The file is {kind}.", excluded=True)


def _file_name(address: WebAddress) -> str:
    parts = urlsplit(address.url)
    last = unquote(parts.path.rstrip("/").rpartition("/")[2])
    return last or parts.hostname or "page"
