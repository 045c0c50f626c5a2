"""Which pages may call us from a browser.

The platform's list answers preflights, which bring no credentials and so no company. A company
may name its own pages among those: then its people's tokens and its keys are refused when
another page uses them, before anything is done, and that page is not shown the refusal either.
Public routes and leads, which talk to agents from their customers' pages, are not bound by it.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from libs.common.errors import Forbidden
from libs.common.http.request_info import SCOPE_KEY, RequestInfo

if TYPE_CHECKING:
    from libs.common.resources import Resources

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class OriginNotAllowed(Forbidden):
    """The caller's company has named the pages that may use its credentials; this is another."""

    code = "origin_not_allowed"
    message = "Your company does not allow calls from this page. An admin can add its origin."


class CrossOrigin(CORSMiddleware):
    """Answers preflights, and tells browsers which replies their page may read."""

    async def simple_response(
        self, scope: Scope, receive: Receive, send: Send, request_headers: Headers
    ) -> None:
        """Serve a request; a page that was refused does not read why."""

        async def reply(message: Message) -> None:
            info: RequestInfo | None = scope.get(SCOPE_KEY)
            if info is None or not info.foreign_page:
                await self.send(message, send, request_headers)
                return
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).add_vary_header("Origin")
            await send(message)

        await self.app(scope, receive, reply)


def refuse_foreign_page(request: Request, info: RequestInfo) -> None:
    """Refuse credentials that a page uses which their company did not name.

    Raises:
        OriginNotAllowed: The request comes from such a page.
    """
    caller = info.caller
    if caller is None or not caller.origins or b"origin" not in info.headers:
        return
    resources: Resources = request.app.state.resources
    origin = info.headers[b"origin"].decode("latin-1").lower()
    if origin not in caller.origins and not _is_our_own(
        origin, info.headers, resources.settings.public_url
    ):
        info.foreign_page = True
        raise OriginNotAllowed


def _is_our_own(origin: str, headers: Mapping[bytes, bytes], public_url: str) -> bool:
    # Browsers name the origin also when a page calls the host it came from.
    host = headers.get(b"host", b"").decode("latin-1").lower()
    return origin in (f"https://{host}", f"http://{host}", origin_of(public_url))


def origin_of(url: str) -> str | None:
    """Return a URL's origin as browsers write it; None when it has none."""
    try:
        parts = urlsplit(url.strip())
        port, host = parts.port, (parts.hostname or "").encode("idna").decode()
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS or not host:
        return None
    host = f"[{host}]" if ":" in host else host
    usual = port in (None, _DEFAULT_PORTS[parts.scheme])
    return f"{parts.scheme}://{host}" if usual else f"{parts.scheme}://{host}:{port}"
