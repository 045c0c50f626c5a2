"""Redis dies with everything in it, and comes back empty: nothing is lost, jobs do not wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from redis.asyncio import Redis

from libs.common.database import Database
from libs.common.events.consumer import Consumer
from libs.common.events.relay import Relay
from libs.common.jobs import JobContext
from libs.common.jobs.runner import JobRunner
from libs.common.unit_of_work import UnitOfWork
from libs.common.wake import Nudges, Wake
from tests.common.events.conftest import LampLit, Recorder
from tests.common.jobs.conftest import Paint
from tests.servers import Server, TestRun, start_valkey, stop


class OwnValkey:
    """A server of this test alone, which may be killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: Server = start_valkey(folder)
        self.url = self._server.url

    def kill(self) -> None:
        """End it as a crash does."""
        stop(self._server, kill=True)

    def start(self) -> None:
        """Start it again, empty."""
        self._server = start_valkey(self._folder, port=urlsplit(self.url).port)


@pytest.fixture
async def valkey(test_run: TestRun) -> AsyncIterator[OwnValkey]:
    """A Valkey to be killed."""
    server = await asyncio.to_thread(OwnValkey, test_run.folder / "own-valkey")
    yield server
    await asyncio.to_thread(server.kill)


async def test_work_goes_on_and_events_arrive_afterwards(
    database: Database, make_tenant: Callable[[], UUID], valkey: OwnValkey
) -> None:
    painted: list[int] = []
    recorder, acme = Recorder(), make_tenant()

    async def paint(job: Paint, context: JobContext) -> None:
        painted.append(job.fence)

    redis: Redis = Redis.from_url(valkey.url)
    nudges, wake = Nudges(redis, "sample"), Wake(redis, "sample")
    runner = JobRunner(database, redis, "sample", {Paint: paint}, nudge=nudges.jobs)
    relay = Relay(database, redis, "sample", nudge=nudges.events)
    consumer = Consumer(redis, database, "reader", {LampLit: recorder}, claim_idle_seconds=1)
    parts = (nudges, runner, relay, consumer)
    loops = [asyncio.create_task(part.run()) for part in parts]

    async def work(number: int) -> None:
        async with UnitOfWork(database, acme, wake=wake) as uow:
            uow.jobs.add(Paint(fence=number))
            uow.outbox.record(LampLit(watts=number))

    try:
        for number in range(5):
            await work(number)
        await until(lambda: len(recorder.watts) == 5 and len(painted) == 5)

        await asyncio.to_thread(valkey.kill)
        for number in range(5, 10):
            await work(number)
        await until(lambda: len(painted) == 10)
        assert len(recorder.watts) == 5

        await asyncio.to_thread(valkey.start)
        await until(lambda: len(recorder.watts) == 10)
        for number in range(10, 15):
            await work(number)
        await until(lambda: len(recorder.watts) == 15 and len(painted) == 15)
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await wake.aclose()
        await redis.aclose()

    assert sorted(painted) == sorted(recorder.watts) == list(range(15))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true, half a minute at most (R3, R4)."""
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.02)
