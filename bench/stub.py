"""A stand-in for a provider of models, which costs next to nothing and tells its own times.

    python -m bench.stub --port 9100

`POST /v1/chat/completions` answers after the delays of the plan (`POST /plan`), streamed or not;
`POST /v1/embeddings` gives vectors made of the words of a text, so that a question finds the
passage that has its words. `GET /counts` tells how often each was asked.

The first token of an answer is `@R.S@` and the last `@E@`: nanoseconds of the monotonic clock when
the question was here, when the first token was written, and when the last one was. On one machine
what a caller waited beyond that is the time of whoever stands between. Raw asyncio and httptools,
since a web framework would take the processors away from what is measured: 0.03 ms a request.
"""

import argparse
import asyncio
import base64
import re
import socket
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Final, cast

import httptools
import numpy as np
import orjson
import uvloop

DIMENSION: Final = 384
_WORD: Final = re.compile(r"[a-z0-9]+")
# Said in turn, so that an answer cites what it was shown.
_WORDS: Final = ("The", "code", "word", "is", "in", "the", "manual", "[Source", "1]", "as", "asked")


@dataclass
class Plan:
    """How an answer comes: when it begins, how it goes on, and when it is over."""

    first_token_seconds: float = 0.0
    interval_seconds: float = 0.0
    tokens: int = 16


@dataclass
class Counts:
    """What was asked so far."""

    chats: int = 0
    embedding_calls: int = 0
    embedded_texts: int = 0


@lru_cache(maxsize=100_000)
def _place(word: str) -> tuple[int, float]:
    number = zlib.crc32(word.encode())
    return number % DIMENSION, 1.0 if number & 0x8000_0000 else -1.0


def embed(text: str) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """Return a vector of unit length, made of the words of a text."""
    vector = np.zeros(DIMENSION, np.float32)
    for word in _WORD.findall(text.lower()):
        place, sign = _place(word)
        vector[place] += sign
    length = float(np.sqrt(vector @ vector))
    if length == 0.0:
        vector[0] = length = 1.0
    return vector / np.float32(length)


class ModelServer:
    """What all connections share."""

    def __init__(self) -> None:
        self.plan = Plan()
        self.counts = Counts()

    def embeddings(self, wanted: dict[str, Any]) -> bytes:
        """Answer as OpenAI's `/v1/embeddings` does."""
        texts = wanted["input"] if isinstance(wanted["input"], list) else [wanted["input"]]
        self.counts.embedding_calls += 1
        self.counts.embedded_texts += len(texts)
        packed = wanted.get("encoding_format") == "base64"
        data = []
        for index, text in enumerate(texts):
            vector = embed(text)
            shown = base64.b64encode(vector.tobytes()).decode() if packed else vector.tolist()
            data.append({"object": "embedding", "index": index, "embedding": shown})
        usage = {"prompt_tokens": 8 * len(texts), "total_tokens": 8 * len(texts)}
        return orjson.dumps(
            {"object": "list", "model": wanted.get("model"), "data": data, "usage": usage}
        )


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    transport: asyncio.Transport

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send small pieces at once."""
        # uvloop's transports are no subclass of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, which calls the methods below."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._body = []

    def on_url(self, url: bytes) -> None:
        """Take the next part of the request's target."""
        self._url += url

    def on_body(self, body: bytes) -> None:
        """Take the next part of the request's body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Answer a whole request."""
        received = time.monotonic_ns()
        content = b"".join(self._body)
        server = self._server
        if self._url.endswith(b"/chat/completions"):
            self._chat(orjson.loads(content), received)
        elif self._url.endswith(b"/embeddings"):
            self._reply(server.embeddings(orjson.loads(content)))
        elif self._url == b"/plan":
            server.plan = Plan(**orjson.loads(content))
            self._reply(b"{}")
        elif self._url == b"/counts":
            self._reply(orjson.dumps(asdict(server.counts)))
        else:
            self._reply(b"{}", status=b"404 Not Found")

    def _reply(self, body: bytes, *, status: bytes = b"200 OK") -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self.transport.write(head % (status, len(body)) + body)

    def _chat(self, wanted: dict[str, Any], received: int) -> None:
        self._server.counts.chats += 1
        answer = _Answer(self.transport, self._server.plan, received)
        if wanted.get("stream"):
            answer.stream()
        else:
            answer.whole(self._reply)


class _Answer:
    """One answer of the chat model on its way."""

    def __init__(self, transport: asyncio.Transport, plan: Plan, received: int) -> None:
        self._transport = transport
        self._plan = plan
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._next = 0
        self._due = self._loop.time() + plan.first_token_seconds

    def whole(self, reply: Callable[[bytes], None]) -> None:
        """Answer in one piece once all tokens would be there."""
        plan = self._plan
        pause = plan.first_token_seconds + plan.interval_seconds * max(0, plan.tokens - 1)

        def send() -> None:
            text = "".join(self._token(number) for number in range(plan.tokens))
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            reply(orjson.dumps({"choices": [choice], "usage": self._usage()}))

        if pause:
            self._loop.call_later(pause, send)
        else:
            send()

    def stream(self) -> None:
        """Send the tokens as they come due."""
        self._transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        if self._plan.first_token_seconds:
            self._loop.call_at(self._due, self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self._transport.is_closing():
            return
        plan = self._plan
        count = 1 if plan.interval_seconds else plan.tokens
        sent = b"".join(self._event(self._next + number) for number in range(count))
        self._next += count
        if self._next < plan.tokens:
            self._transport.write(sent)
            # By the clock rather than after a pause, so that the delays do not add up.
            self._due += plan.interval_seconds
            self._loop.call_at(self._due, self._send)
            return
        stop = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        counted = {"choices": [], "usage": self._usage()}
        ending = b"".join(_chunk(orjson.dumps(event)) for event in (stop, counted))
        self._transport.write(sent + ending + _chunk(b"[DONE]") + b"0\r\n\r\n")

    def _event(self, number: int) -> bytes:
        delta = {"content": self._token(number)}
        return _chunk(orjson.dumps({"choices": [{"index": 0, "delta": delta}]}))

    def _token(self, number: int) -> str:
        if number == 0:
            return f"@{self._received}.{time.monotonic_ns()}@ "
        if number == self._plan.tokens - 1:
            return f"@{time.monotonic_ns()}@"
        return _WORDS[(number - 1) % len(_WORDS)] + " "

    def _usage(self) -> dict[str, int]:
        return {"prompt_tokens": 1_000, "completion_tokens": self._plan.tokens}


def _chunk(payload: bytes) -> bytes:
    event = b"data: %b\n\n" % payload
    return b"%x\r\n%b\r\n" % (len(event), event)


async def serve(port: int) -> None:
    """Serve on the loopback interface until the process ends."""
    server = ModelServer()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: Connection(server), "127.0.0.1", port, backlog=4_096
    )
    await listening.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=9100)
    uvloop.run(serve(parser.parse_args().port))
