"""Calling webhooks: addresses that companies choose, so each connection is held to the policy."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import aiohttp
from prometheus_client import Counter, Histogram

from libs.common.http.outbound import Outbound, is_refused_address
from libs.common.telemetry import span
from services.conversations.domain.webhooks import TIMEOUT_SECONDS, Outcome

_CALLS: Final = Counter("webhook_calls_total", "Calls of webhooks, by outcome.", ("outcome",))
_SECONDS: Final = Histogram("webhook_call_seconds", "How long calls of webhooks took.")
_AGENT: Final = "Knowrithm-Webhooks/1"


@dataclass(frozen=True)
class WebhookCalls:
    """Posts to webhooks; follows no redirect and reads no reply's body."""

    outbound: Outbound

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Send a body; whatever goes wrong is told in the outcome."""
        code: int | None = None
        started = time.monotonic()
        with span("webhook"):
            if (fault := self.outbound.policy.why_not(url)) is not None:
                error: str | None = f"The address {fault}."
            else:
                try:
                    code = await self._post(url, body, headers)
                    error = None if 200 <= code < 300 else f"The reply was {code}."
                except TimeoutError:
                    error = f"No reply within {TIMEOUT_SECONDS:.0f} seconds."
                except (aiohttp.ClientError, OSError, ValueError) as failure:
                    error = _told(failure)
        seconds = time.monotonic() - started
        _CALLS.labels("delivered" if error is None else "failed").inc()
        _SECONDS.observe(seconds)
        return Outcome(code=code, error=error, duration_ms=round(seconds * 1000))

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        async with self.outbound.session_for(url).post(
            url,
            data=body,
            headers={**headers, "content-type": "application/json", "user-agent": _AGENT},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        ) as reply:
            # Unread, so that nobody keeps us busy with an endless one.
            reply.close()
            return reply.status


def _told(failure: Exception) -> str:
    """Say what went wrong, and nothing of what is to be found behind an address."""
    if is_refused_address(failure):
        return "The address leads into a private network."
    if isinstance(failure, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return "The connection is not secure: the certificate was not accepted."
    if isinstance(failure, aiohttp.ClientConnectorDNSError):
        return "The name of the host was not found."
    if isinstance(failure, aiohttp.ClientConnectorError):
        return "No connection could be made."
    return "The connection broke off before there was a reply."
