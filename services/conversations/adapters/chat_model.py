"""Chat models behind OpenAI-compatible endpoints, over aiohttp with SSE parsing of our own.

The openai client costs 1.3 ms of CPU a call and is not needed for one POST and its stream.
Asking is repeated only while no token has arrived: after that the person has read half an answer.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final
from uuid import UUID

import aiohttp
import orjson

from libs.common.breaker import Breaker, BreakerOpen
from libs.common.http.outbound import Outbound, is_refused_address
from libs.common.periodic import jittered
from libs.common.telemetry import get_logger, span
from libs.common.telemetry.metrics import outside_call
from services.conversations.adapters.model_places import Places
from services.conversations.domain.agents import MODERN_LIMIT, ChatModelSettings
from services.conversations.domain.errors import (
    ModelBusy,
    ModelCutOff,
    ModelFailed,
    ModelRateLimited,
    ModelRefused,
    ModelTimedOut,
)
from services.conversations.domain.masking import masked

log = get_logger(__name__)

_ATTEMPTS: Final = 2
_MAX_ERROR_BYTES: Final = 4_096
_MAX_LINE_BYTES: Final = 1 << 20
_MAX_ANSWER_CHARACTERS: Final = 100_000
# No context is as long; more than a few of these would not fit into an answer's row.
MOST_TOKENS: Final = 100_000_000
_BREAKER_FAILURES: Final = 5
_BREAKER_REST_SECONDS: Final = 10.0
# Each try of a model that is away costs somebody time, so they become rarer.
_BREAKER_LONGEST_REST_SECONDS: Final = 160.0
_MAX_RETRY_AFTER_SECONDS: Final = 3.0


class StreamedReply:
    """A model's answer while it comes in; the counts are the provider's, 0 until it tells them."""

    def __init__(self, response: aiohttp.ClientResponse, *, idle_seconds: float) -> None:
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.finish_reason: str | None = None
        self._response = response
        self._idle_seconds = idle_seconds
        self._rest = b""
        self._ready: str | None = None
        self._done = False

    async def begin(self) -> None:
        """Wait for the first piece of text, or for an answer that is empty.

        Raises:
            ModelFailed: There is none.
        """
        self._ready = await self._read()

    async def __aiter__(self) -> AsyncIterator[str]:
        """Yield the text, one piece for each read from the network."""
        length = 0
        while self._ready is not None:
            length += len(self._ready)
            if length > _MAX_ANSWER_CHARACTERS:
                raise ModelCutOff("The language model's answer does not end.")
            yield self._ready
            self._ready = await self._read()

    async def _read(self) -> str | None:
        """Return the next piece of text; None at the end."""
        while not self._done:
            try:
                async with asyncio.timeout(self._idle_seconds):
                    data = await self._response.content.readany()
            except TimeoutError as error:
                raise ModelTimedOut from error
            except (aiohttp.ClientError, OSError) as error:
                raise ModelCutOff from error
            if not data:
                if self.finish_reason is None:
                    raise ModelCutOff
                self._done = True
                break
            if text := self._parse(data):
                return text
        return None

    def _parse(self, data: bytes) -> str:
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _MAX_LINE_BYTES:
            raise ModelCutOff("The language model sent something that is no answer.")
        pieces = [self._piece(line[5:].strip()) for line in lines if line.startswith(b"data:")]
        return "".join(pieces)

    def _piece(self, payload: bytes) -> str:
        if payload == b"[DONE]":
            self._done = True
            self.finish_reason = self.finish_reason or "stop"
            return ""
        try:
            chunk = orjson.loads(payload)
            if error := chunk.get("error"):
                log.warning("model_stream_error", error=masked(str(error)[:300]))
                raise ModelCutOff
            if usage := chunk.get("usage"):
                self.prompt_tokens = _count(usage, "prompt_tokens")
                self.completion_tokens = _count(usage, "completion_tokens")
            choices = chunk.get("choices")
            if not choices:
                return ""
            choice = choices[0]
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            content = (choice.get("delta") or {}).get("content")
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            raise ModelCutOff("The language model sent something that is no answer.") from error
        return content if isinstance(content, str) else ""


class OpenAICompatibleModels:
    """Asks chat models.

    Args:
        outbound: Keeps tenants' models out of the operator's network.
        first_token_seconds: How long a model may think before its first token, and pause later.
        total_seconds: How long an answer may take in all.
        per_provider: Calls of this process at the same time to one endpoint with one key.
        per_agent: And those for one agent.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        outbound: Outbound,
        *,
        first_token_seconds: float = 60,
        total_seconds: float = 180,
        per_provider: int = 256,
        per_agent: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbound = outbound
        self._first_token_seconds = first_token_seconds
        self._total_seconds = total_seconds
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._providers = Places(per_provider)
        self._agents = Places(per_agent)

    @asynccontextmanager
    async def stream(
        self,
        settings: ChatModelSettings,
        messages: Sequence[Mapping[str, str]],
        *,
        options: Mapping[str, Any],
        agent_id: UUID | None = None,
        patience_seconds: float | None = None,
    ) -> AsyncIterator[StreamedReply]:
        """Ask a model; entering returns once its first token is here.

        Args:
            settings: Where the model is, and how the agent wants it to answer.
            messages: In OpenAI's shape.
            options: Of this one question, such as `temperature`; they win over the settings.
            agent_id: For which agent, if for one.
            patience_seconds: How long to wait for the first token, where another model stands by.

        Raises:
            ModelFailed: There was no answer, after as many attempts as make sense.
        """
        body = _body(settings, messages, options)
        patience = min(self._first_token_seconds, patience_seconds or self._first_token_seconds)
        with span("model.chat", model=settings.model, provider=settings.provider):
            async with self._place(settings, agent_id, wait_seconds=patience):
                deadline = self._clock() + patience
                try:
                    async with asyncio.timeout(self._total_seconds):
                        with outside_call("chat_model"):
                            breaker = self._breaker(settings, patience)
                            reply = await self._ask(settings, body, deadline, breaker)
                        try:
                            yield reply
                        finally:
                            reply._response.close()  # noqa: SLF001 - the reply is ours
                except TimeoutError as error:
                    raise ModelTimedOut from error

    @asynccontextmanager
    async def _place(
        self, settings: ChatModelSettings, agent_id: UUID | None, *, wait_seconds: float
    ) -> AsyncIterator[None]:
        """Hold a place at the provider, and one of the agent's.

        Raises:
            ModelBusy: None came free in time.
        """
        async with AsyncExitStack() as places:
            try:
                provider = (settings.base_url, settings.api_key)
                if agent_id is not None:
                    await places.enter_async_context(
                        self._agents.place(agent_id, wait_seconds=wait_seconds)
                    )
                await places.enter_async_context(
                    self._providers.place(provider, wait_seconds=wait_seconds)
                )
            except TimeoutError as error:
                raise ModelBusy from error
            yield

    async def _ask(
        self,
        settings: ChatModelSettings,
        body: dict[str, Any],
        deadline: float,
        breaker: Breaker,
    ) -> StreamedReply:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with breaker.call():
                    return await self._ask_once(settings, body, deadline)
            except BreakerOpen as error:
                raise ModelFailed(
                    "The language model has failed several times in a row."
                ) from error
            except ModelFailed as error:
                pause = self._pause(error, attempt)
                log.warning("model_call_failed", code=error.code, attempt=attempt)
                if not error.retryable or attempt == _ATTEMPTS or self._clock() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)
        raise AssertionError("the loop returns or raises")

    async def _ask_once(
        self, settings: ChatModelSettings, body: dict[str, Any], deadline: float
    ) -> StreamedReply:
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        if settings.api_key:
            headers["authorization"] = f"Bearer {settings.api_key}"
        url = f"{settings.base_url.rstrip('/')}/chat/completions"
        session = self._outbound.session_for(url, trusted=settings.is_platforms)
        try:
            async with asyncio.timeout(max(0.05, deadline - self._clock())):
                response = await session.post(
                    url,
                    data=orjson.dumps(body),
                    headers=headers,
                    allow_redirects=False,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=5),
                )
                try:
                    if response.status != 200:
                        raise await _refusal(response)
                    reply = StreamedReply(response, idle_seconds=self._first_token_seconds)
                    try:
                        await reply.begin()
                    except ModelCutOff as error:
                        # Nothing has been shown yet, so this is an ordinary failure.
                        raise ModelFailed from error
                except BaseException:
                    response.close()
                    raise
                return reply
        except TimeoutError as error:
            raise ModelTimedOut from error
        except (aiohttp.ClientError, OSError) as error:
            if is_refused_address(error):
                log.warning("model_address_refused", base_url=settings.base_url)
                raise ModelRefused from error
            raise ModelFailed("The language model is out of reach.") from error

    def _pause(self, error: ModelFailed, attempt: int) -> float:
        if error.retry_after_seconds is not None:
            return error.retry_after_seconds + jittered(0.2, 0, 1)
        return jittered(2.0 ** (attempt - 1), 0.1, 0.4)

    def _breaker(self, settings: ChatModelSettings, patience_seconds: float) -> Breaker:
        # By key too: one tenant's revoked key says nothing about another's. And by patience: what
        # is too slow for those who have another model to ask may be in time for the others.
        name = f"{settings.base_url}|{settings.model}|{hash(settings.api_key)}|{patience_seconds}"
        known = self._breakers.get(name)
        if known is None:
            if len(self._breakers) > 10_000:
                self._breakers.clear()
            known = self._breakers[name] = Breaker(
                settings.model,
                threshold=_BREAKER_FAILURES,
                rest_seconds=_BREAKER_REST_SECONDS,
                longest_rest_seconds=_BREAKER_LONGEST_REST_SECONDS,
                counts=lambda error: (
                    isinstance(error, ModelFailed) and not isinstance(error, ModelRefused)
                ),
            )
        return known


def _body(
    settings: ChatModelSettings, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
) -> dict[str, Any]:
    body: dict[str, Any] = dict(settings.params)
    if settings.temperature is not None:
        body["temperature"] = settings.temperature
    if settings.max_tokens is not None:
        body["max_tokens"] = settings.max_tokens
    body.update(options)
    body["model"] = settings.model
    body["messages"] = messages
    body["stream"] = True
    body["stream_options"] = {"include_usage": True}
    if MODERN_LIMIT in settings.params:
        # Models that know this name refuse both, or mind the larger one.
        body[MODERN_LIMIT] = options.get("max_tokens") or settings.params[MODERN_LIMIT]
        body.pop("max_tokens", None)
    return body


def _count(usage: Mapping[str, Any], name: str) -> int:
    """Return a provider's count, as far as it can be one."""
    return min(MOST_TOKENS, max(0, int(usage.get(name) or 0)))


async def _refusal(response: aiohttp.ClientResponse) -> ModelFailed:
    """Turn a status into an error; the provider's words go to the log, not to the reader."""
    text = (await response.content.read(_MAX_ERROR_BYTES)).decode("utf-8", "replace")
    log.warning("model_refused", status=response.status, reply=masked(text[:300]))
    if response.status == 429:
        # A long wait is no use to somebody who waits for an answer.
        seconds = _retry_after(response)
        if seconds is None or seconds <= _MAX_RETRY_AFTER_SECONDS:
            return ModelRateLimited(retry_after_seconds=seconds)
        limited = ModelRateLimited()
        limited.retryable = False
        return limited
    if response.status in {408, 409} or response.status >= 500:
        return ModelFailed(
            f"The language model's provider answered with an error ({response.status})."
        )
    return ModelRefused()


def _retry_after(response: aiohttp.ClientResponse) -> int | None:
    value = response.headers.get("retry-after", "")
    return int(value) if value.isdigit() else None
