"""Pages from the web: guarded addresses, checked redirects, counted bytes, a deadline."""

import asyncio
import codecs
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from opentelemetry.trace import SpanKind

from libs.common.http.outbound import Outbound, is_refused_address
from libs.common.telemetry.metrics import outside_call
from libs.common.telemetry.tracing import span
from services.documents.domain.web_addresses import BadAddress, WebAddress, read_address
from services.documents.domain.web_ports import FetchedPage, MayFollow
from services.documents.domain.website_errors import PageNotFetched

MAX_REDIRECTS: Final = 5
TIMEOUT_SECONDS: Final = 30.0
SILENCE_SECONDS: Final = 10.0
MAX_HEADER_CHARS: Final = 1000
ACCEPT: Final = "text/html,application/xhtml+xml,application/pdf;q=0.9,text/*;q=0.8,*/*;q=0.5"

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_GONE: Final = frozenset({404, 410})
_TEMPORARY: Final = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
_TARGET: Final = "web page"


@dataclass(frozen=True, kw_only=True)
class WebFetcher:
    """Fulfils `Fetcher`.

    Args:
        outbound: Opened so that it does not unpack.
        user_agent: Who we say we are.
        timeout_seconds: For one request.
    """

    outbound: Outbound
    user_agent: str
    timeout_seconds: float = TIMEOUT_SECONDS

    async def fetch(
        self,
        address: WebAddress,
        *,
        max_bytes: int,
        may_follow: MayFollow | None = None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> FetchedPage:
        """Return a page; see `Fetcher`."""
        headers = {"user-agent": self.user_agent, "accept": ACCEPT}
        headers["accept-encoding"] = "gzip, deflate"
        if etag:
            headers["if-none-match"] = etag
        if last_modified:
            headers["if-modified-since"] = last_modified
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._once(address, headers=headers, max_bytes=max_bytes)
            if isinstance(answer, FetchedPage):
                return answer
            if may_follow is not None:
                await may_follow(answer)
            address = answer
            # What was known is the version of another address.
            headers.pop("if-none-match", None)
            headers.pop("if-modified-since", None)
        raise PageNotFetched("too_many_redirects", "The address leads in circles.")

    async def _once(
        self, address: WebAddress, *, headers: dict[str, str], max_bytes: int
    ) -> FetchedPage | WebAddress:
        """Ask once; the result of a redirect is where it leads."""
        if why_not := self.outbound.policy.why_not(address.url):
            raise _not_allowed(f"The address {why_not}.")
        session = self.outbound.session_for(address.url)
        with (
            span("GET web page", kind=SpanKind.CLIENT, **{"server.address": address.site}),
            outside_call(_TARGET),
        ):
            try:
                async with (
                    asyncio.timeout(self.timeout_seconds),
                    session.get(
                        address.url,
                        headers=headers,
                        allow_redirects=False,
                        timeout=aiohttp.ClientTimeout(
                            total=self.timeout_seconds,
                            sock_connect=SILENCE_SECONDS,
                            sock_read=SILENCE_SECONDS,
                        ),
                    ) as response,
                ):
                    return await self._answer(address, response, max_bytes=max_bytes)
            except TimeoutError as error:
                raise PageNotFetched(
                    "timeout", "The server did not answer in time.", temporary=True
                ) from error
            except aiohttp.InvalidURL as error:
                raise _not_allowed("The address is not a valid one.") from error
            except (aiohttp.ClientError, OSError, ValueError) as error:
                raise _failure(error) from error

    async def _answer(
        self, address: WebAddress, response: aiohttp.ClientResponse, *, max_bytes: int
    ) -> FetchedPage | WebAddress:
        status = response.status
        if status in _REDIRECTS:
            try:
                return read_address(response.headers.get("location", ""), base=address.url)
            except BadAddress as error:
                raise _not_allowed(f"It leads to an address that {error}.") from error
        if status not in (200, 304):
            raise _refusal(status, response.headers.get("retry-after"))
        media_type, charset = _content_type(response.headers.get("content-type", ""))
        body = b"" if status == 304 else await _body_of(response, max_bytes=max_bytes)
        return FetchedPage(
            address=address,
            status=status,
            media_type=media_type,
            charset=charset,
            body=body,
            etag=_short(response.headers.get("etag")),
            last_modified=_short(response.headers.get("last-modified")),
            robots=", ".join(response.headers.getall("x-robots-tag", []))[:MAX_HEADER_CHARS],
        )


async def _body_of(response: aiohttp.ClientResponse, *, max_bytes: int) -> bytes:
    """Return the body, unpacked, counting while it comes.

    Raises:
        PageNotFetched: There is too much of it, or it is packed in a way that we do not read.
    """
    too_large = PageNotFetched(
        "page_too_large", f"The page is larger than {max_bytes / 2**20:g} MiB.", excluded=True
    )
    if (response.content_length or 0) > max_bytes:
        raise too_large
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    body = bytearray()
    if encoding in ("", "identity"):
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > max_bytes:
                raise too_large
        return bytes(body)
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise PageNotFetched(
            "unknown_encoding", f"The server packs its pages as {encoding[:20]}.", excluded=True
        )
    # Both kinds: gzip, and zlib with its header, which "deflate" means.
    unpacking = zlib.decompressobj(47)
    try:
        async for piece in response.content.iter_any():
            body += unpacking.decompress(piece, max_bytes + 1 - len(body))
            if len(body) > max_bytes:
                raise too_large
            if unpacking.eof:
                # What comes behind the end would be kept, and copied with every piece of it.
                break
    except zlib.error as error:
        raise PageNotFetched("damaged_page", "The server's answer does not unpack.") from error
    return bytes(body)


def _content_type(header: str) -> tuple[str, str | None]:
    message = Message()
    message["content-type"] = header[:MAX_HEADER_CHARS]
    charset = message.get_content_charset()
    try:
        known = charset and codecs.lookup(charset).name
    except (LookupError, ValueError):
        known = None
    return (message.get_content_type() if header.strip() else ""), known or None


def _refusal(status: int, retry_after: str | None) -> PageNotFetched:
    if status in _GONE:
        return PageNotFetched("not_found", "The server has no such page.", status=status, gone=True)
    if status in _TEMPORARY:
        return PageNotFetched(
            "server_error",
            f"The server answered {status}.",
            status=status,
            temporary=True,
            wait_seconds=_seconds(retry_after),
        )
    if status in (401, 403):
        return PageNotFetched(
            "access_denied", f"The server refuses to show the page ({status}).", status=status
        )
    return PageNotFetched("unexpected_answer", f"The server answered {status}.", status=status)


def _failure(error: Exception) -> PageNotFetched:
    if is_refused_address(error):
        return _not_allowed("The address leads into a private network.")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return PageNotFetched("unknown_host", "There is no such host.", temporary=True)
    if isinstance(error, aiohttp.ClientSSLError):
        return PageNotFetched("bad_certificate", "The server's certificate does not hold.")
    return PageNotFetched("unreachable", "The server is out of reach.", temporary=True)


def _not_allowed(message: str) -> PageNotFetched:
    return PageNotFetched("url_not_allowed", message, excluded=True)


def _seconds(retry_after: str | None) -> float | None:
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _short(header: str | None) -> str | None:
    return header if header is None or len(header) <= MAX_HEADER_CHARS else None
