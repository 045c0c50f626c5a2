"""Calls from one service to another: one connection pool a process, a deadline on every call.

The tenant travels in `X-Tenant-ID` beside a short-lived service token, the trace in
`traceparent`. Idempotent calls are repeated, within the deadline, when the other side was out of
reach; a breaker keeps a dead service from being asked again and again. What the other side
answers as an error becomes the same kind of error here.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import aiohttp
import orjson
from opentelemetry.trace import SpanKind
from structlog.contextvars import get_contextvars

from libs.common.breaker import Breaker
from libs.common.errors import (
    AppError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Unavailable,
)
from libs.common.periodic import jittered
from libs.common.telemetry.logging import get_logger
from libs.common.telemetry.metrics import outside_call
from libs.common.telemetry.tracing import current_traceparent, span

if TYPE_CHECKING:
    from libs.common.security import ServiceTokens

log = get_logger(__name__)

MAX_CONNECTIONS: Final = 1024
ATTEMPTS: Final = 3
FIRST_WAIT_SECONDS: Final = 0.05
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_KINDS: Final[Mapping[int, type[AppError]]] = {
    400: Invalid,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    422: Invalid,
    429: RateLimited,
}


def open_http_session() -> aiohttp.ClientSession:
    """Open the process' one HTTP session. Each call sets its own deadline."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=30),
        timeout=aiohttp.ClientTimeout(total=60, connect=2),
        # Redirects and cookies have no place between our own services and fixed endpoints.
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=True,
        trust_env=False,
    )


class ServiceClient:
    """Another service of the platform.

    Args:
        base_url: Without a trailing slash.
        audience: The service's name.
        tokens: Our own identity.
        http: The process' session.
        timeout_seconds: For a whole call, repetitions included, unless the call says otherwise.
    """

    def __init__(
        self,
        base_url: str,
        *,
        audience: str,
        tokens: "ServiceTokens",
        http: aiohttp.ClientSession,
        timeout_seconds: float = 5.0,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._audience = audience
        self._tokens = tokens
        self._http = http
        self._timeout_seconds = timeout_seconds
        self._breaker = Breaker(audience, counts=_is_outage)

    async def request_json(
        self,
        method: str,
        path: str,
        *,
        tenant_id: UUID,
        json: object | None = None,
        params: Mapping[str, str | int] | None = None,
        deadline: float | None = None,
        idempotent: bool | None = None,
    ) -> dict[str, Any]:
        """Call the service and return the JSON object it answers.

        Args:
            method: The HTTP method.
            path: From `/internal` on.
            tenant_id: Whom the call is for.
            json: The body.
            params: The query.
            deadline: Seconds for the whole call; the client's own when left out.
            idempotent: Whether the call may be repeated; GET, HEAD, PUT and DELETE may.

        Raises:
            NotFound: And Invalid, Forbidden, Conflict, RateLimited: the service's own answer,
                with its code and message.
            Unavailable: It could not be reached, did not answer in time, or failed.
        """
        may_repeat = method in _IDEMPOTENT if idempotent is None else idempotent
        attempts = ATTEMPTS if may_repeat else 1
        ends_at = time.monotonic() + (deadline if deadline is not None else self._timeout_seconds)
        body = None if json is None else orjson.dumps(json)
        for attempt in range(1, attempts + 1):
            try:
                with self._breaker.call():
                    return await self._once(
                        method, path, tenant_id=tenant_id, body=body, params=params, ends_at=ends_at
                    )
            except ServiceUnavailable as error:
                wait = jittered(FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
                if attempt == attempts or time.monotonic() + wait >= ends_at:
                    raise
                log.warning("service_call_repeated", target=self._audience, reason=error.reason)
                await asyncio.sleep(wait)
        raise AssertionError("unreachable")  # pragma: no cover

    async def _once(
        self,
        method: str,
        path: str,
        *,
        tenant_id: UUID,
        body: bytes | None,
        params: Mapping[str, str | int] | None,
        ends_at: float,
    ) -> dict[str, Any]:
        remaining = ends_at - time.monotonic()
        if remaining <= 0:
            raise ServiceUnavailable(self._audience, reason="deadline passed")
        with (
            span(
                f"{method} {self._audience}",
                kind=SpanKind.CLIENT,
                **{"peer.service": self._audience},
            ),
            outside_call(self._audience),
        ):
            try:
                async with self._http.request(
                    method,
                    self._base_url + path,
                    data=body,
                    params=params,
                    headers=self._headers(tenant_id, has_body=body is not None),
                    timeout=aiohttp.ClientTimeout(total=remaining, connect=min(remaining, 2.0)),
                    allow_redirects=False,
                ) as response:
                    content = await response.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise ServiceUnavailable(self._audience, reason=repr(error)) from error
            return self._answer(response.status, content)

    def _headers(self, tenant_id: UUID, *, has_body: bool) -> dict[str, str]:
        headers = {
            "authorization": f"Bearer {self._tokens.token_for(self._audience)}",
            "x-tenant-id": str(tenant_id),
        }
        if has_body:
            headers["content-type"] = "application/json"
        if traceparent := current_traceparent():
            headers["traceparent"] = traceparent
        if request_id := get_contextvars().get("request_id"):
            headers["x-request-id"] = str(request_id)
        return headers

    def _answer(self, status: int, content: bytes) -> dict[str, Any]:
        if status == 204 or (status < 300 and not content):
            return {}
        try:
            answer = orjson.loads(content)
        except orjson.JSONDecodeError:
            answer = None
        if status < 300 and isinstance(answer, dict):
            return answer
        kind = _KINDS.get(status)
        if kind is None or not isinstance(answer, dict):
            raise ServiceUnavailable(self._audience, reason=f"answered {status}")
        raise kind(
            str(answer.get("message") or kind.message),
            code=str(answer.get("code") or kind.code),
            details=answer.get("details") if isinstance(answer.get("details"), dict) else None,
        )


class ServiceUnavailable(Unavailable):
    """Another service of the platform could not be reached, or failed."""

    code = "service_unavailable"
    message = "A part of the platform is out of reach at the moment. Try again shortly."

    def __init__(self, target: str, *, reason: str) -> None:
        super().__init__(details={"service": target}, retry_after_seconds=1)
        self.reason = reason


def _is_outage(error: Exception) -> bool:
    return isinstance(error, ServiceUnavailable)
