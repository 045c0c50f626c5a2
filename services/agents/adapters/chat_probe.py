"""Asks a chat model one short question, to see whether settings work.

The base URL is a tenant's: the call follows no redirect, reads little, and connects only to
addresses that the policy allows, checked at the moment of connecting.
"""

import asyncio
import errno
import socket
import time

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from services.agents.domain.model_urls import ModelUrlPolicy, parse_address
from services.agents.domain.probing import ProbeResult
from services.agents.domain.profiles import ChatCall

TIMEOUT_SECONDS = 20.0
MAX_REPLY_BYTES = 256 * 1024
MAX_CAUSE_LENGTH = 300


class _GuardedResolver(AbstractResolver):
    """Resolves names, and drops every address that a tenant's call may not reach."""

    def __init__(self, policy: ModelUrlPolicy) -> None:
        self._policy = policy
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        results = await self._inner.resolve(host, port, family)
        if host.lower() in self._policy.trusted_hosts:
            return results
        addresses = [parse_address(result["host"]) for result in results]
        # One bad address is enough: a name that mixes them is up to something.
        if any(address is None or not self._policy.may_connect(address) for address in addresses):
            reason = f"{host} leads into the platform's own network"
            raise OSError(errno.EACCES, reason)
        return results

    async def close(self) -> None:
        await self._inner.close()


class ChatProbe:
    """Calls OpenAI-compatible chat endpoints.

    Args:
        policy: Where calls of tenants may go.
    """

    def __init__(self, policy: ModelUrlPolicy) -> None:
        self._policy = policy

    async def ask(self, call: ChatCall, question: str, *, trusted: bool = False) -> ProbeResult:
        """Ask, and tell how it went; never raises for what the other side does.

        Args:
            call: The model.
            question: One sentence.
            trusted: The base URL is the operator's, not a tenant's.
        """
        started = time.perf_counter()
        try:
            status, body = await self._post(call, question, trusted=trusted)
        except TimeoutError:
            cause = f"No answer within {TIMEOUT_SECONDS:g} seconds."
            return ProbeResult(ok=False, latency_ms=_since(started), cause=cause)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = f"The model cannot be reached: {error}"[:MAX_CAUSE_LENGTH]
            return ProbeResult(ok=False, latency_ms=_since(started), cause=cause)
        return _judged(status, body, latency_ms=_since(started), key=call.api_key)

    async def _post(self, call: ChatCall, question: str, *, trusted: bool) -> tuple[int, bytes]:
        headers = {"content-type": "application/json"}
        if call.api_key is not None:
            headers["authorization"] = f"Bearer {call.api_key}"
        request = {
            **call.params,
            "model": call.model,
            "messages": [{"role": "user", "content": question}],
        }
        resolver = None if trusted else _GuardedResolver(self._policy)
        # A connector of its own: settings are tested rarely, and share nothing.
        connector = aiohttp.TCPConnector(resolver=resolver, force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, trust_env=False) as session,
            asyncio.timeout(TIMEOUT_SECONDS),
            session.post(
                f"{call.base_url}/chat/completions",
                data=orjson.dumps(request),
                headers=headers,
                allow_redirects=False,
            ) as response,
        ):
            return response.status, await _start_of(response)


async def _start_of(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            break
    return bytes(body)


def _judged(status: int, body: bytes, *, latency_ms: float, key: str | None) -> ProbeResult:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    if status == 200:
        try:
            text = str(payload["choices"][0]["message"]["content"])
        except (KeyError, IndexError, TypeError):
            cause = "The endpoint answered, but not in the shape of a chat completion."
            return ProbeResult(ok=False, latency_ms=latency_ms, cause=cause, status=status)
        return ProbeResult(ok=True, latency_ms=latency_ms, response=text[:1000], status=status)
    cause = f"{_meaning(status)} {_told(payload)}".strip()
    if key is not None:
        # Some endpoints quote the key they refuse.
        cause = cause.replace(key, "••••")
    return ProbeResult(
        ok=False, latency_ms=latency_ms, cause=cause[:MAX_CAUSE_LENGTH], status=status
    )


def _meaning(status: int) -> str:
    if status in (401, 403):
        return f"The provider refused the key ({status})."
    if status == 404:
        return "The provider does not know this model or address (404)."
    if status == 429:
        return "The provider's rate limit or budget is used up (429)."
    if 300 <= status < 400:
        return f"The provider redirected the call ({status}); give the final base URL."
    return f"The provider answered with status {status}."


def _told(payload: object) -> str:
    error = payload.get("error") if isinstance(payload, dict) else None
    told = error.get("message") if isinstance(error, dict) else error
    return told if isinstance(told, str) else ""


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 1)
