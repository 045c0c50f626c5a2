"""What sites ask of crawlers: robots.txt by RFC 9309, with the common extensions."""

import asyncio
import re
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from services.documents.domain.web_addresses import WebAddress, read_address
from services.documents.domain.web_ports import Fetcher
from services.documents.domain.website_errors import PageNotFetched

if TYPE_CHECKING:
    from protego import Protego

# RFC 9309 §2.5 asks for this much; nobody needs more.
MAX_BYTES: Final = 512 * 1024
MAX_LINE_CHARS: Final = 2000
MAX_SITEMAPS: Final = 20
MAX_DELAY_SECONDS: Final = 30.0
REMEMBERED_SECONDS: Final = 3600.0
MAX_SITES: Final = 1000
# Of all files together; their rules take some thirty times as much.
MAX_KEPT_CHARS: Final = 2 * 1024 * 1024
# The longest takes a second to be read.
_THREAD_ABOVE_CHARS: Final = 20_000
# A rule with more wildcards than anybody writes takes very long to try.
_MAX_STARS: Final = 8
_STARS: Final = re.compile(r"\*{2,}")


@dataclass(frozen=True)
class Robots:
    """Fulfils `SiteRules`.

    Args:
        text: The file; empty allows everything.
        agent: The name that rules are looked up by.
    """

    text: str
    agent: str

    @cached_property
    def _rules(self) -> "Protego":
        # Only workers crawl.
        from protego import Protego  # noqa: PLC0415 - as said above

        lines = (_STARS.sub("*", line) for line in self.text.splitlines())
        kept = (
            line for line in lines if len(line) <= MAX_LINE_CHARS and line.count("*") <= _MAX_STARS
        )
        return Protego.parse("\n".join(kept))

    @cached_property
    def sitemaps(self) -> tuple[str, ...]:
        """The sitemaps that it names."""
        return tuple(self._rules.sitemaps)[:MAX_SITEMAPS]

    @cached_property
    def delay_seconds(self) -> float:
        """How long it asks to wait between two pages."""
        delay = self._rules.crawl_delay(self.agent) or 0.0
        return min(max(delay, 0.0), MAX_DELAY_SECONDS)

    def allows(self, url: str) -> bool:
        """Say whether a page may be fetched."""
        return bool(self._rules.can_fetch(url, self.agent))


@dataclass(frozen=True, kw_only=True)
class RememberedRobots:
    """Fulfils `RobotsReader`: asks each host once an hour.

    Args:
        fetcher: Gets the file; it may be redirected anywhere.
        agent: Our name in it.
    """

    fetcher: Fetcher
    agent: str
    _known: "OrderedDict[str, tuple[float, Robots]]" = field(default_factory=OrderedDict)

    async def rules_of(self, address: WebAddress) -> Robots:
        """Return the rules for the host of an address; see `RobotsReader`."""
        parts = urlsplit(address.url)
        place = f"{parts.scheme}://{parts.netloc}"
        known = self._known.get(place)
        if known and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        rules = Robots(await self._text(place), self.agent)
        if len(rules.text) > _THREAD_ABOVE_CHARS:
            await asyncio.to_thread(rules.allows, address.url)
        self._known[place] = (time.monotonic(), rules)
        self._known.move_to_end(place)
        kept_chars = sum(len(one.text) for _, one in self._known.values())
        while len(self._known) > MAX_SITES or (
            kept_chars > MAX_KEPT_CHARS and len(self._known) > 1
        ):
            _, (_, oldest) = self._known.popitem(last=False)
            kept_chars -= len(oldest.text)
        return rules

    async def _text(self, place: str) -> str:
        try:
            file = await self.fetcher.fetch(
                read_address(f"{place}/robots.txt"), max_bytes=MAX_BYTES
            )
        except PageNotFetched as error:
            # No file, or one that is not shown: everything is allowed (RFC 9309 §2.3.1.3). A
            # server that fails is left alone (§2.3.1.4).
            if error.temporary or error.code in ("url_not_allowed", "bad_certificate"):
                raise
            return ""
        return file.body.decode("utf-8-sig", errors="replace")
