"""A server that neither answers nor hangs up: a machine that is gone, a network that is cut."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from sqlalchemy import text

from libs.common.database import Database, DatabaseUnavailable
from tests.conftest import DatabaseUrls


class Line:
    """Passes bytes between clients and a server, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._whole = asyncio.Event()
        self._whole.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.port = 0

    def cut(self) -> None:
        """Let nothing through any more, and tell nobody."""
        self._whole.clear()

    def mend(self) -> None:
        """Let everything through again."""
        self._whole.set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client."""
        await self._whole.wait()
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        self._writers += (writer, up_writer)
        for source, sink in ((reader, up_writer), (up_reader, writer)):
            self._tasks.append(asyncio.create_task(self._pass_on(source, sink)))

    async def close(self) -> None:
        """Hang up on everybody."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(one.wait_closed() for one in self._writers), return_exceptions=True)

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            await self._whole.wait()
            sink.write(data)
        sink.close()


@pytest.fixture
async def line(database_urls: DatabaseUrls) -> AsyncIterator[Line]:
    """The line to the sample service's database."""
    parts = urlsplit(database_urls("sample").primary)
    line = Line(parts.hostname or "", parts.port or 5432)
    server = await asyncio.start_server(line.accept, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    yield line
    line.mend()
    server.close()
    await asyncio.sleep(0.05)
    await line.close()


@pytest.fixture
async def database(database_urls: DatabaseUrls, line: Line) -> AsyncIterator[Database]:
    """That database, at the other end of the line."""
    url = url_through(line, database_urls("sample").primary)
    database = Database(url, service="sample", pool_size=4)
    await database.open()
    yield database
    line.mend()
    await database.close()


def url_through(line: Line, url: str) -> str:
    """Return the URL of the same database at the other end of a line."""
    parts = urlsplit(url)
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{line.port}"
    return parts._replace(netloc=netloc).geturl()


async def lean(database: Database, tenant_id: UUID) -> None:
    async with database.lean(tenant_id) as connection:
        await connection.fetchval("SELECT 1")


async def session(database: Database, tenant_id: UUID) -> None:
    async with database.session(tenant_id) as opened:
        await opened.execute(text("SELECT 1"))


async def call(database: Database, tenant_id: UUID) -> None:
    await database.call("add_turns", tenant_id, tenant_id, 0, 0.0)


@pytest.mark.parametrize("work", [lean, session, call])
async def test_is_told_within_two_seconds_and_heals(
    database: Database, line: Line, make_tenant: Callable[[], UUID], work: Any
) -> None:
    # Several at once, so that the pool has more than one connection to lose.
    await asyncio.gather(*(work(database, make_tenant()) for _ in range(4)))
    line.cut()

    async def attempt() -> float:
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await work(database, make_tenant())
        return time.monotonic() - started

    taken = await asyncio.gather(*(attempt() for _ in range(6)))
    line.mend()
    started = time.monotonic()
    await work(database, make_tenant())

    assert max(taken) < 2.2
    assert time.monotonic() - started < 2


async def test_a_silent_replica_costs_a_moment_once(
    database_urls: DatabaseUrls, line: Line, make_tenant: Callable[[], UUID]
) -> None:
    primary = database_urls("sample").primary
    reading = Database(primary, service="sample", replica_urls=[url_through(line, primary)])
    async with reading.session(make_tenant(), read_only=True) as opened:
        await opened.execute(text("SELECT 1"))
    line.cut()
    started = time.monotonic()

    for _ in range(5):
        async with reading.session(make_tenant(), read_only=True) as opened:
            await opened.execute(text("SELECT 1"))

    assert time.monotonic() - started < 1
    line.mend()
    await reading.close()


async def test_a_crowd_waits_for_a_database_that_answers(
    database: Database, make_tenant: Callable[[], UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libs.common.database.lean.ACQUIRE_TIMEOUT_SECONDS", 0.3)
    tenant_id = make_tenant()

    async def slow() -> None:
        async with database.lean(tenant_id) as connection:
            await connection.execute("SELECT pg_sleep(0.1)")

    async def slow_call() -> None:
        await database.call("add_turns", tenant_id, tenant_id, 0, 0.1)

    # Four connections do this in 0.7 seconds or so, which is more than anybody waits for one.
    await asyncio.gather(*(slow() for _ in range(24)))
    await asyncio.gather(*(slow_call() for _ in range(24)))
