"""One call to a model's HTTP endpoint: deadline, bounded retries, breaker, span and metric."""

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import aiohttp
import orjson
import structlog
from opentelemetry.trace import SpanKind

from libs.common.breaker import Breaker, BreakerOpen
from libs.common.http.outbound import is_refused_address
from libs.common.periodic import jittered
from libs.common.telemetry.metrics import outside_call
from libs.common.telemetry.tracing import span

log = structlog.get_logger(__name__)

ATTEMPTS: Final = 4
FIRST_WAIT_SECONDS: Final = 0.2
MAX_WAIT_SECONDS: Final = 20.0
MAX_ERROR_CHARS: Final = 300
# A batch of vectors as decimal numbers is 8 MB; a tenant's own endpoint may send anything.
MAX_ANSWER_BYTES: Final = 32 * 1024 * 1024
_REPEATABLE: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class ModelOutOfReach(Exception):
    """The endpoint did not answer in time, or answered that it cannot at present."""

    def __init__(self, reason: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class ModelRefused(Exception):
    """The endpoint understood and said no; asking the same again would not help."""


class ModelEndpoint:
    """An HTTP endpoint of a model; the same request may be sent to it twice without harm.

    Args:
        url: Of the route itself.
        api_key: Sent as a bearer token.
        http: The process' session.
        name: For metrics, spans and logs.
    """

    def __init__(
        self, url: str, *, api_key: str | None, http: aiohttp.ClientSession, name: str
    ) -> None:
        self._url = url
        self._http = http
        self._name = name
        self._headers = {"content-type": "application/json", "accept": "application/json"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        # A rate limit or a refusal is an answer: only silence and failure open the breaker.
        self._breaker = Breaker(
            name, counts=lambda error: isinstance(error, ModelOutOfReach) and error.args != ("429",)
        )

    async def post(self, body: Mapping[str, object], *, deadline_seconds: float) -> object:
        """Return the decoded answer.

        Args:
            body: Sent as JSON.
            deadline_seconds: For all attempts together.

        Raises:
            ModelOutOfReach: No answer in time.
            ModelRefused: Wrong key, unknown model, malformed input.
        """
        content = orjson.dumps(body)
        ends_at = time.monotonic() + deadline_seconds
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._breaker.call():
                    return await self._once(content, timeout=ends_at - time.monotonic())
            except BreakerOpen as error:
                raise ModelOutOfReach("breaker open", retry_after_seconds=1) from error
            except ModelOutOfReach as error:
                wait = _wait(attempt, asked=error.retry_after_seconds)
                if attempt == ATTEMPTS or time.monotonic() + wait >= ends_at:
                    raise
                log.warning("model_call_repeated", target=self._name, reason=str(error))
                await asyncio.sleep(wait)
        raise AssertionError("unreachable")  # pragma: no cover

    async def _once(self, content: bytes, *, timeout: float) -> object:
        with (
            span(f"POST {self._name}", kind=SpanKind.CLIENT, **{"peer.service": self._name}),
            outside_call(self._name),
        ):
            try:
                async with self._http.post(
                    self._url,
                    data=content,
                    headers=self._headers,
                    timeout=aiohttp.ClientTimeout(total=max(timeout, 0.01), connect=5.0),
                    allow_redirects=False,
                ) as response:
                    answer = await _body_of(response)
                    status, retry_after = response.status, response.headers.get("retry-after")
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if is_refused_address(error):
                    raise ModelRefused("the base URL leads into the platform's network") from error
                raise ModelOutOfReach(type(error).__name__) from error
            if status in _REPEATABLE:
                raise ModelOutOfReach(str(status), retry_after_seconds=_seconds(retry_after))
            if status != 200:
                raise ModelRefused(f"{status}: {answer[:MAX_ERROR_CHARS].decode(errors='replace')}")
            try:
                decoded: object = orjson.loads(answer)
            except orjson.JSONDecodeError as error:
                raise ModelOutOfReach("answer is not JSON") from error
            return decoded


async def _body_of(response: aiohttp.ClientResponse) -> bytes:
    """Return the body, uncompressed.

    Raises:
        ModelRefused: There is too much of it.
    """
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise ModelRefused("the answer is too long")
    return bytes(body)


def _wait(attempt: int, *, asked: float | None) -> float:
    wait = jittered(FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1))
    return min(max(wait, asked or 0.0), MAX_WAIT_SECONDS)


def _seconds(retry_after: str | None) -> float | None:
    # The other form, a date, is not worth a parser: our own waits grow by themselves.
    try:
        return max(0.0, float(retry_after or ""))
    except ValueError:
        return None
