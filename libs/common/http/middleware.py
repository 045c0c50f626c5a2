"""The one middleware around every request, in plain ASGI.

One function rather than a stack of small ones: each layer costs a coroutine and a wrapped `send`
on every request, and what they do belongs together anyway: give the request an id, a trace and a
route; keep its body within the route's limit; replay what an idempotency key has already
answered; and at the end, whatever happened, one reply, one metric, one log line.
"""

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from libs.common.denials import Denial, Reason
from libs.common.errors import AppError
from libs.common.http.cross_origin import CrossOrigin
from libs.common.http.error_handling import BodyTooLarge, unforeseen
from libs.common.http.idempotency import answer_once
from libs.common.http.request_info import SCOPE_KEY, RequestInfo
from libs.common.http.responses import app_error_response
from libs.common.http.routes import FOUND_KEY, RouteIndex
from libs.common.security.callers import CallerKind
from libs.common.telemetry.logging import get_logger, log_request, mask_task_ids
from libs.common.telemetry.metrics import ACTIVE_CONNECTIONS, record_request, status_class
from libs.common.telemetry.tracing import ServerSpan

if TYPE_CHECKING:
    from libs.common.resources import Resources

log = get_logger(__name__)

NO_ROUTE: Final = "none"
CLIENT_LEFT: Final = 499

# Probes and scrapes come every few seconds: neither logged nor counted.
_QUIET: Final = frozenset({"/health", "/health/live", "/health/ready", "/metrics"})
_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._:-]{8,128}")
_ALLOWED_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "Last-Event-ID",
    "X-API-Key",
    "X-API-Secret",
    "X-Request-ID",
    "traceparent",
)
_EXPOSED_HEADERS: Final = (
    "Idempotency-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-ID",
)
_SECURITY_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    # What is answered is data; the few pages bring a policy of their own.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")
_NO_STORE: Final = (b"cache-control", b"no-store")


class ServiceMiddleware:
    """Wraps an application; see the module.

    Args:
        app: What is inside.
        routes: Finds a request's route.
        max_body_bytes: For routes that set no limit of their own.
        origins: Whose pages may call us from a browser; `*` is everybody's.
        https: Whether people reach us by https, and should from now on by nothing else.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: RouteIndex,
        max_body_bytes: int,
        origins: Sequence[str],
        https: bool = False,
    ) -> None:
        self._app = app
        self._routes = routes
        self._max_body_bytes = max_body_bytes
        self._security = (*_SECURITY_HEADERS, _HTTPS_ONLY) if https else _SECURITY_HEADERS
        self._for_browsers = CrossOrigin(
            self._serve,
            allow_origins=origins,
            allow_methods=["GET", *sorted(_WRITES)],
            allow_headers=_ALLOWED_HEADERS,
            expose_headers=_EXPOSED_HEADERS,
            max_age=86400,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; other kinds of connections pass through."""
        if scope["type"] != "http" or scope["path"] in _QUIET:
            scope[SCOPE_KEY] = RequestInfo(uuid4().hex, scope.get("path", ""), {})
            await self._app(scope, receive, send)
        elif any(name == b"origin" for name, _ in scope["headers"]):
            await self._for_browsers(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        method: str = scope["method"]
        headers = dict(scope["headers"])
        found = self._routes.find(method, scope["path"])
        max_body_bytes = self._max_body_bytes
        route = NO_ROUTE
        if found is not None:
            indexed, scope["path_params"] = found
            scope[FOUND_KEY] = indexed
            route = indexed.template
            if indexed.max_body_bytes is not None:
                max_body_bytes = indexed.max_body_bytes
        info = RequestInfo(_request_id(headers.get(b"x-request-id")), route, headers)
        scope[SCOPE_KEY] = info
        traceparent = headers.get(b"traceparent")
        span = ServerSpan(
            f"{method} {route}", traceparent.decode("latin-1") if traceparent else None
        )
        bind_contextvars(request_id=info.request_id)
        reply = _Reply(info, send, self._security)
        ACTIVE_CONNECTIONS.inc()
        try:
            if method in _WRITES:
                receive = _BoundedBody(headers, receive, max_body_bytes)
                if b"idempotency-key" in headers and found is not None:
                    await answer_once(self._app, scope, receive, reply)
                    return
            await self._app(scope, receive, reply)
        except Exception as error:  # noqa: BLE001 - the last place where it can become a reply
            await _tell(error, scope, receive, reply)
        finally:
            ACTIVE_CONNECTIONS.dec()
            _account(scope, info, reply, method=method, started=started)
            span.end(status=reply.status, method=method, route=route)


class _Reply:
    """Passes a reply on, adds our headers to it, and remembers what it was."""

    __slots__ = ("_info", "_security", "_send", "started_at", "status")

    def __init__(
        self, info: RequestInfo, send: Send, security: Sequence[tuple[bytes, bytes]]
    ) -> None:
        self._info = info
        self._send = send
        self._security = security
        self.status = 500
        self.started_at = 0.0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.started_at = time.perf_counter()
            cacheable = False
            headers: list[tuple[bytes, bytes]] = []
            overridden = set()
            for pair in message.get("headers", ()):
                name = pair[0]
                if name == b"cache-control":
                    cacheable = True
                elif name in _OVERRIDABLE:
                    overridden.add(name)
                headers.append(pair)
            if overridden:
                headers += [pair for pair in self._security if pair[0] not in overridden]
            else:
                headers += self._security
            if not cacheable:
                headers.append(_NO_STORE)
            headers.append((b"x-request-id", self._info.request_id.encode()))
            if self._info.decision is not None:
                headers += self._info.decision.headers()
            message["headers"] = headers
        await self._send(message)


_OVERRIDABLE: Final = frozenset(name for name, _ in _SECURITY_HEADERS)


class _BoundedBody:
    """Reads a request's body, up to a limit."""

    __slots__ = ("_left", "_receive")

    def __init__(self, headers: dict[bytes, bytes], receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > limit:
            raise BodyTooLarge

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                # The framework's own kind: anything else it would call a malformed body.
                raise HTTPException(413)
        return message


async def _tell(error: Exception, scope: Scope, receive: Receive, reply: _Reply) -> None:
    """Log what nobody foresaw, once, and answer it if there is still a reply to give."""
    if isinstance(error, ClientDisconnect):
        reply.status = CLIENT_LEFT
        return
    told = BodyTooLarge() if _is_too_large(error) else unforeseen(error)
    if told.http_status >= 500 and not isinstance(error, AppError):
        log.error(
            "request_failed", exc_info=error, path=scope["path"], route=scope[SCOPE_KEY].route
        )
    if reply.started_at:
        # Too late for an error: the server cuts the connection, and the client can tell.
        return
    scope[SCOPE_KEY].error_code = told.code
    response = app_error_response(told, request_id=scope[SCOPE_KEY].request_id)
    await response(scope, receive, reply)


def _is_too_large(error: Exception) -> bool:
    return isinstance(error, HTTPException) and error.status_code == 413


def _account(
    scope: Scope, info: RequestInfo, reply: _Reply, *, method: str, started: float
) -> None:
    now = time.perf_counter()
    headers_at = reply.started_at or now
    record_request(
        method=method,
        route=info.route,
        status=reply.status,
        seconds_to_headers=headers_at - started,
    )
    caller = info.caller
    if caller is not None and not info.route.startswith("/internal"):
        resources: Resources = scope["app"].state.resources
        resources.meter.count(
            caller.tenant_id,
            method=method,
            route=info.route,
            status_class=status_class(reply.status),
            duration_ms=(headers_at - started) * 1000,
        )
    _note_denial(scope, info, reply, method=method)
    fields: dict[str, Any] = {
        "method": method,
        "route": info.route,
        "path": mask_task_ids(scope["path"]),
        "status": reply.status,
        "duration_ms": round((now - started) * 1000, 2),
    }
    if caller is not None:
        fields["caller"] = caller.key
    if info.error_code is not None:
        fields["code"] = info.error_code
    log_request(fields, warn=reply.status >= 500)


def _note_denial(scope: Scope, info: RequestInfo, reply: _Reply, *, method: str) -> None:
    """Tell the audit trail about callers who reach for what is not theirs."""
    reason: Reason
    caller = info.caller
    if info.turned_away is not None:
        caller, reason = info.turned_away, "network"
    elif reply.status == 403:
        reason = "permission"
    elif reply.status == 404 and "{" in info.route:
        reason = "not_found"
    else:
        return
    if caller is None or caller.kind is CallerKind.SERVICE:
        return
    resources: Resources = scope["app"].state.resources
    client = scope.get("client")
    address = client[0] if client else "unknown"
    resources.denials.note(Denial(caller, method, info.route, reason, address))


def _request_id(given: bytes | None) -> str:
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return uuid4().hex
