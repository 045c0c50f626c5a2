"""Asks a chat model one short question, to see whether settings work.

The base URL is a tenant's: the call follows no redirect, reads little, and connects only to
addresses that the policy allows, checked at the moment of connecting.
"""

import asyncio
import time

import aiohttp
import orjson

from libs.common.http.outbound import Outbound
from services.agents.domain.probing import ProbeResult
from services.agents.domain.profiles import ChatCall

TIMEOUT_SECONDS = 20.0
MAX_REPLY_BYTES = 256 * 1024
MAX_CAUSE_LENGTH = 300


class ChatProbe:
    """Calls OpenAI-compatible chat endpoints.

    Args:
        outbound: Keeps calls of tenants out of the operator's network.
    """

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def ask(self, call: ChatCall, question: str) -> ProbeResult:
        """Ask, and tell how it went; never raises for what the other side does."""
        started = time.perf_counter()
        try:
            status, body = await self._post(call, question)
        except TimeoutError:
            cause = f"No answer within {TIMEOUT_SECONDS:g} seconds."
            return ProbeResult(ok=False, latency_ms=_since(started), cause=cause)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            cause = f"The model cannot be reached: {error}"[:MAX_CAUSE_LENGTH]
            return ProbeResult(ok=False, latency_ms=_since(started), cause=cause)
        return _judged(status, body, latency_ms=_since(started), key=call.api_key)

    async def _post(self, call: ChatCall, question: str) -> tuple[int, bytes]:
        headers = {"content-type": "application/json"}
        if call.api_key is not None:
            headers["authorization"] = f"Bearer {call.api_key}"
        request = {
            **call.params,
            "model": call.model,
            "messages": [{"role": "user", "content": question}],
        }
        session = self._outbound.session_for(call.base_url, trusted=call.is_platforms)
        async with (
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
