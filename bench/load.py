"""The load: HTTP connections that cost little themselves, and chat turns over them.

Raw asyncio and httptools: a client library would use more of the machine than what is measured.
Every target is on this machine; nothing else can be named.
"""

import asyncio
import re
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar, cast

import httptools
import orjson

TIMEOUT_SECONDS: Final = 120.0
_OPENERS: Final = 8
# What the stub puts around its answers.
_FIRST: Final = re.compile(rb"@(\d+)\.(\d+)@")
_LAST: Final = re.compile(rb"@(\d+)@")


class RequestFailed(Exception):
    """The answer was not the one that was hoped for; the message groups it with its like."""


class Connection(asyncio.Protocol):
    """A connection to this machine, one request at a time; opened again when it was closed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self.status = 0
        self.body: list[bytes] = []
        self._on_body: Callable[[bytes], None] | None = None

    async def send(
        self, request: bytes, *, on_body: Callable[[bytes], None] | None = None
    ) -> tuple[int, bytes]:
        """Send a request and return the status and the whole body of the answer.

        Args:
            request: Ready to be written.
            on_body: Hears each part of the body as it comes.
        """
        loop = asyncio.get_running_loop()
        if self._transport is None or self._transport.is_closing():
            await loop.create_connection(lambda: self, "127.0.0.1", self._port)
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self.status, self.body, self._on_body = 0, [], on_body
        self._waiting = loop.create_future()
        self._transport.write(request)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._waiting
        if not self._parser.should_keep_alive():
            self.close()
        return self.status, b"".join(self.body)

    def close(self) -> None:
        """Close it; the next request opens it again."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send small pieces at once."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request that is under way."""
        self._transport = None
        self._fail(exc or ConnectionResetError("the connection was closed"))

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the methods below."""
        if self._parser is not None:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError as error:
                self._fail(error)

    def on_body(self, body: bytes) -> None:
        """Take the next part of the body."""
        self.body.append(body)
        if self._on_body is not None:
            self._on_body(body)

    def on_message_complete(self) -> None:
        """Finish the request."""
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _fail(self, error: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error)


def request_bytes(
    method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
) -> bytes:
    """Write a request down."""
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


@dataclass(frozen=True, slots=True)
class Turn:
    """How long one question took, in milliseconds; what the model took is taken away.

    Attributes:
        first_token: From the question's first byte to the first token, beyond the model's own.
        whole: From there to the end of the answer, beyond the model's own.
    """

    first_token: float
    whole: float


class _Listener:
    """Notes when an answer begins and when it is complete."""

    def __init__(self, *, begins: bytes, ends: bytes) -> None:
        self._begins = begins
        self._ends = ends
        self._heard = b""
        self.first = 0
        self.last = 0

    def __call__(self, body: bytes) -> None:
        now = time.monotonic_ns()
        self._heard += body
        if not self.first and self._begins in self._heard:
            self.first = now
        if not self.last and self._ends in self._heard:
            self.last = now

    def turn(self, asked: int) -> Turn:
        """Return the times of the turn that was asked for at `asked`."""
        first, last = _FIRST.search(self._heard), _LAST.search(self._heard)
        if not self.last:
            raise RequestFailed("the stream ended before the answer did")
        if first is None or last is None:
            raise RequestFailed("the answer is not the model's")
        received, began, ended = int(first[1]), int(first[2]), int(last[1])
        if received < asked:
            raise RequestFailed("this is the answer to an earlier question")
        return Turn(
            # An answer may also come whole, to who joins late.
            first_token=(((self.first or self.last) - asked) - (began - received)) / 1e6,
            whole=((self.last - asked) - (ended - received)) / 1e6,
        )


class PlatformChat:
    """Asks through the gateway: the question, and then the stream of its conversation."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._connection = Connection(port)
        self._headers = {**headers, "content-type": "application/json"}
        self._stream_headers = {**headers, "accept": "text/event-stream"}

    async def ask(self, conversation_id: str, question: str) -> Turn:
        """Ask, and follow the answer until it is there."""
        path = f"/api/v1/conversation/{conversation_id}"
        body = orjson.dumps({"message": question})
        asked = time.monotonic_ns()
        status, reply = await self._connection.send(
            request_bytes("POST", f"{path}/chat", self._headers, body)
        )
        if status != 202:
            raise RequestFailed(f"the question was answered with {status}: {reply[:160]!r}")
        listener = _Listener(begins=b"event: chat_delta", ends=b'"status":"completed","message":')
        status, reply = await self._connection.send(
            request_bytes("GET", f"{path}/messages/stream", self._stream_headers),
            on_body=listener,
        )
        if status != 200:
            raise RequestFailed(f"the stream was answered with {status}: {reply[:160]!r}")
        return listener.turn(asked)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class LimitChat:
    """Asks the limit program."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = Connection(port)
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    async def ask(self, _conversation_id: str, question: str) -> Turn:
        """Ask, and follow the answer until it is there."""
        listener = _Listener(begins=b"data:", ends=b"[DONE]")
        asked = time.monotonic_ns()
        status, reply = await self._connection.send(
            request_bytes("POST", "/chat", self._headers, orjson.dumps({"message": question})),
            on_body=listener,
        )
        if status != 200:
            raise RequestFailed(f"the limit program answered with {status}: {reply[:160]!r}")
        return listener.turn(asked)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Get:
    """Reads one resource over and over."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        self._connection = Connection(port)
        self._request = request_bytes("GET", path, headers)

    async def read(self) -> float:
        """Return how many milliseconds it took."""
        started = time.monotonic_ns()
        status, reply = await self._connection.send(self._request)
        if status != 200:
            raise RequestFailed(f"answered with {status}: {reply[:160]!r}")
        return (time.monotonic_ns() - started) / 1e6

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


async def open_conversations(
    port: int, headers: Mapping[str, str], agent_id: str, count: int
) -> list[str]:
    """Open so many conversations with an agent, a few at a time."""
    request = request_bytes(
        "POST",
        "/api/v1/conversation",
        {**headers, "content-type": "application/json"},
        orjson.dumps({"agent_id": agent_id}),
    )
    opened: list[str] = []

    async def go_on() -> None:
        connection = Connection(port)
        while len(opened) < count:
            status, reply = await connection.send(request)
            if status != 201:
                raise RequestFailed(f"no conversation: {status} {reply[:160]!r}")
            opened.append(orjson.loads(reply)["id"])
        connection.close()

    await asyncio.gather(*(go_on() for _ in range(_OPENERS)))
    return opened[:count]


T = TypeVar("T")


class Chat(Protocol):
    """Somebody who asks one question at a time."""

    async def ask(self, conversation_id: str, question: str) -> Turn:
        """Ask, and follow the answer until it is there."""

    def close(self) -> None:
        """Close the connection."""


@dataclass
class Tally(Generic[T]):
    """What a run of load came to."""

    seconds: float = 0.0
    done: list[T] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def rate(self) -> float:
        """How many a second were done."""
        return len(self.done) / self.seconds if self.seconds else 0.0

    async def count(self, call: Awaitable[T]) -> None:
        """Wait for a call and note what came of it."""
        try:
            self.done.append(await call)
        except (RequestFailed, OSError, TimeoutError, httptools.HttpParserError) as error:
            self.errors[f"{type(error).__name__}: {error}"[:200]] += 1


async def for_some_time(calls: Sequence[Callable[[], Awaitable[T]]], *, seconds: float) -> Tally[T]:
    """Let each of the callers call again and again until the time is over."""
    tally: Tally[T] = Tally()
    started = time.monotonic()

    async def go_on(call: Callable[[], Awaitable[T]]) -> None:
        while time.monotonic() - started < seconds:
            failed = tally.errors.total()
            await tally.count(call())
            if tally.errors.total() > failed:
                await asyncio.sleep(0.05)

    await asyncio.gather(*(go_on(call) for call in calls))
    tally.seconds = time.monotonic() - started
    return tally


async def arriving(calls: Iterable[Awaitable[T]], *, per_second: float) -> Tally[T]:
    """Begin each call at its time, whatever has become of those before."""
    tally: Tally[T] = Tally()
    started = time.monotonic()

    async def begin(number: int, call: Awaitable[T]) -> None:
        await asyncio.sleep(number / per_second - (time.monotonic() - started))
        await tally.count(call)

    await asyncio.gather(*(begin(number, call) for number, call in enumerate(calls)))
    tally.seconds = time.monotonic() - started
    return tally
