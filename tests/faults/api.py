"""A client of the public API that lives through failures, as a patient person would."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

# What a client may meet while a process is gone. A client that met one cannot know whether its
# request was done; anything else that is no success is a fault of the platform.
PASSING: Final = frozenset({0, 502, 503, 504})
PAUSE_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 60.0
_REQUEST = aiohttp.ClientTimeout(total=20)
_STREAM = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)


class Broken(Exception):
    """The platform did what it must not do."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; status 0 when nothing did."""

    status: int
    body: Any = None

    @property
    def ok(self) -> bool:
        """Whether the request was accepted."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One server-sent event."""

    id: str
    name: str
    data: dict[str, Any]


@dataclass
class Gateway:
    """The API with one caller's credentials.

    Attributes:
        troubles: What the caller met on the way, by status.
    """

    session: aiohttp.ClientSession
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    troubles: dict[int, int] = field(default_factory=dict)

    async def send(self, method: str, path: str, **arguments: Any) -> Reply:
        """Send a request once.

        Raises:
            Broken: The reply is neither a success nor a passing trouble.
        """
        try:
            async with self.session.request(
                method, self.url + path, headers=self.headers, timeout=_REQUEST, **arguments
            ) as response:
                text = await response.text()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            status, text = 0, ""
        if not 200 <= status < 300:
            self.troubles[status] = self.troubles.get(status, 0) + 1
            if status not in PASSING:
                raise Broken(f"{method} {path} answered {status}: {text[:300]}")
            return Reply(status)
        return Reply(status, json.loads(text) if text else None)

    async def insist(self, send: Callable[[], Awaitable[Reply]]) -> Any:
        """Repeat a request until it is accepted, and return the body.

        Raises:
            Broken: It was not accepted within a minute.
        """
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while not (reply := await send()).ok:
            if time.monotonic() > give_up_at:
                raise Broken(f"not accepted within {PATIENCE_SECONDS:.0f} s: {reply.status}")
            await asyncio.sleep(PAUSE_SECONDS)
        return reply.body

    async def get(self, path: str) -> Any:
        """Read, repeating until it works."""
        return await self.insist(lambda: self.send("GET", path))

    async def follow(
        self, path: str, *, last_event_id: str | None
    ) -> AsyncIterator[StreamEvent | None]:
        """Read a stream until it ends or breaks; None first when there is nothing more to see.

        Raises:
            Broken: The stream was refused.
        """
        headers = dict(self.headers)
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        try:
            async with self.session.get(
                self.url + path, headers=headers, timeout=_STREAM
            ) as response:
                if response.status == 204:
                    yield None
                    return
                if response.status != 200:
                    self.troubles[response.status] = self.troubles.get(response.status, 0) + 1
                    if response.status not in PASSING:
                        raise Broken(f"GET {path} answered {response.status}")
                    return
                block: dict[str, str] = {}
                async for line in response.content:
                    text = line.decode().rstrip("\n")
                    if text:
                        name, _, value = text.partition(": ")
                        block[name] = value
                    elif (event := _event(block)) is not None:
                        block = {}
                        yield event
                    else:
                        block = {}
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            self.troubles[0] = self.troubles.get(0, 0) + 1


def _event(block: Mapping[str, str]) -> StreamEvent | None:
    if "event" not in block or "data" not in block:
        return None
    return StreamEvent(block.get("id", ""), block["event"], json.loads(block["data"]))
