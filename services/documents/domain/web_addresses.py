"""Addresses of pages: one spelling for each, and which of them belong to a site."""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

MAX_URL_CHARS: Final = 2000
# Links that grow with every page are made by a mistake, and never end.
MAX_SEGMENTS: Final = 20
MAX_REPEATS: Final = 3

_PORTS: Final = {"http": 80, "https": 443}
_UNSEEN: Final = re.compile(r"[\x00-\x20\x7f]")
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?")
_ESCAPED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")
_SESSION_IN_PATH: Final = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;?]*", re.IGNORECASE)
# What mails, advertisements and shops add to tell visitors apart; the page is the same.
_TRACKING: Final = re.compile(
    r"(?:utm_\w+|gclid|gclsrc|gbraid|wbraid|dclid|fbclid|msclkid|yclid|twclid|ttclid|igshid|srsltid"
    r"|li_fat_id|mc_cid|mc_eid|mkt_tok|_ga|_gl|_hsenc|_hsmi|hsctatracking|vero_id|phpsessid"
    r"|jsessionid|sessionid|sid)",
    re.IGNORECASE,
)
# Files that hold no text for people.
_NO_PAGES: Final = re.compile(
    r"\.(?:jpe?g|png|gif|webp|avif|svg|ico|bmp|tiff?|css|js|mjs|map|woff2?|ttf|otf|eot|mp[34]|m4[av]"
    r"|webm|og[gv]|wav|avi|mov|zip|gz|tgz|bz2|xz|7z|rar|tar|exe|dmg|pkg|msi|deb|rpm|apk|iso|bin"
    r"|rss|atom|ics|vcf)$",
    re.IGNORECASE,
)


class BadAddress(ValueError):
    """What should be the address of a page is none; the message ends a sentence about it."""


@dataclass(frozen=True, slots=True)
class WebAddress:
    """The address of a page.

    Attributes:
        url: To be fetched: lower-case ASCII host, no fragment, no tracking, sorted query.
        key: The same for all spellings of the page: without scheme, `www.` and slash at the end.
        site: Host without `www.`, and the port if it is an unusual one.
    """

    url: str
    key: str
    site: str

    @property
    def path(self) -> str:
        """The path and query."""
        return _path_and_query(self.url)


def read_address(text: str, *, base: str | None = None) -> WebAddress:
    """Read an address as a person or page wrote it.

    Args:
        text: The address; relative ones need a base.
        base: The page that it stands on.

    Raises:
        BadAddress: It is not that of a page on the web.
    """
    text = text.strip()
    if len(text) > MAX_URL_CHARS:
        raise BadAddress("is too long")
    if base is None and _UNSEEN.search(text):
        raise BadAddress("holds a blank or an unseen character")
    try:
        whole = _UNSEEN.sub("", urljoin(base, text) if base else text)
        parts = urlsplit(whole)
        port = parts.port
    except ValueError:
        raise BadAddress("is not a valid address") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise BadAddress("is not an http or https address")
    if "@" in parts.netloc or "\\" in parts.netloc:
        raise BadAddress("must not hold a user name or password")
    host = _host(parts.hostname or "")
    place = host if port in (None, _PORTS[scheme]) else f"{host}:{port}"
    path = _path(parts.path)
    query = _query(parts.query)
    tail = f"?{query}" if query else ""
    url = f"{scheme}://{place}{path}{tail}"
    if len(url) > MAX_URL_CHARS:
        raise BadAddress("is too long")
    site = place.removeprefix("www.")
    return WebAddress(url, f"{site}{path.rstrip('/') or '/'}{tail}", site)


def _host(name: str) -> str:
    name = name.rstrip(".")
    if not name:
        raise BadAddress("names no host")
    if ":" in name:
        try:
            return f"[{ipaddress.IPv6Address(name)}]"
        except ValueError:
            raise BadAddress("names no valid host") from None
    if not name.isascii():
        # Takes its tables along, and nearly all hosts are ASCII.
        import idna  # noqa: PLC0415 - as said above

        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise BadAddress("names no valid host") from None
    name = name.lower()
    if not _HOST.fullmatch(name) or ".." in name:
        raise BadAddress("names no valid host")
    return name


def _path(path: str) -> str:
    path = re.sub(r"/{2,}", "/", _SESSION_IN_PATH.sub("", path))
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", "..") and kept and kept[-1]:
        kept.append("")
    return _escaped("/" + "/".join(kept))


def _query(query: str) -> str:
    parts = [part for part in query.split("&") if part]
    kept = [part for part in parts if not _TRACKING.fullmatch(part.partition("=")[0])]
    return "&".join(sorted(_escaped(part) for part in kept))


def _escaped(text: str) -> str:
    """Escape what must be and nothing else, in capitals."""

    def undone(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if _UNRESERVED.match(character) else match[0].upper()

    return quote(_ESCAPED.sub(undone, text), safe="/%:@!$&'()*+,;=~?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which pages belong to a website.

    Attributes:
        site: See `WebAddress.site`.
        allowed: Beginnings of paths, `*` for anything, `$` for the end; none: all paths.
        disallowed: The same; they win.
    """

    site: str
    allowed: Sequence[str] = ()
    disallowed: Sequence[str] = ()

    def why_not(self, address: WebAddress) -> str | None:
        """Say why a page does not belong to the website; None when it does."""
        if address.site != self.site:
            return "other_site"
        path = address.path
        if any(_fits(path, pattern) for pattern in self.disallowed):
            return "disallowed_path"
        if self.allowed and not any(_fits(path, pattern) for pattern in self.allowed):
            return "not_an_allowed_path"
        return None

    def follows(self, address: WebAddress) -> bool:
        """Say whether a link should be followed."""
        return self.why_not(address) is None and not is_trap(address)


def is_trap(address: WebAddress) -> bool:
    """Say whether an address looks made by a loop, or is that of a picture, script or archive."""
    path = address.path.partition("?")[0]
    segments = [segment for segment in path.split("/") if segment]
    if len(segments) > MAX_SEGMENTS or _NO_PAGES.search(path):
        return True
    return any(segments.count(segment) > MAX_REPEATS for segment in segments)


def _path_and_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _fits(path: str, pattern: str) -> bool:
    """Say whether a path begins as a pattern says; linear, whatever the pattern."""
    ends = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    last = rest.pop() if ends and rest else None
    for part in rest:
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    if last is not None:
        return path.endswith(last) and len(path) - len(last) >= at
    return not ends or at == len(path)
