"""What is sent in one go leaves in one write."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from libs.common.http.coalescing import CoalescingProtocol

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


@asynccontextmanager
async def serving(reply: Callable[[Send], Awaitable[None]]) -> AsyncIterator[int]:
    """Serve an application that answers by `reply`; yields the port."""

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await reply(send)

    config = uvicorn.Config(
        app, port=0, http=CoalescingProtocol, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


def head(**headers: str) -> MutableMapping[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http.response.start", "status": 200, "headers": pairs}


def body(data: bytes, *, more: bool = False) -> MutableMapping[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def test_the_head_and_the_body_leave_together() -> None:
    async def reply(send: Send) -> None:
        await send(head(content_length="5"))
        await send(body(b"hello"))

    async with serving(reply) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        packet = await reader.read(65536)
        writer.close()

    assert packet.startswith(b"HTTP/1.1 200")
    assert packet.endswith(b"\r\n\r\nhello")


async def test_nothing_waits_for_what_is_sent_later() -> None:
    go_on = asyncio.Event()

    async def reply(send: Send) -> None:
        await send(head(content_type="text/event-stream"))
        await send(body(b"first", more=True))
        await go_on.wait()
        await send(body(b"last"))

    async with serving(reply) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        async with asyncio.timeout(2):
            packet = await reader.read(65536)
        assert packet.endswith(b"5\r\nfirst\r\n")
        go_on.set()
        rest = await reader.read()
        writer.close()

    assert rest == b"4\r\nlast\r\n0\r\n\r\n"


async def test_a_large_body_arrives_whole_though_the_connection_closes_after_it() -> None:
    piece = bytes(range(256)) * 400

    async def reply(send: Send) -> None:
        await send(head(content_length=str(len(piece) * 20)))
        for _ in range(20):
            await send(body(piece, more=True))
        await send(body(b""))

    async with serving(reply) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        whole = await reader.read()
        writer.close()

    assert whole.partition(b"\r\n\r\n")[2] == piece * 20
