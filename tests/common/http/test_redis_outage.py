"""What needs only PostgreSQL goes on while Redis is away."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from libs.common.resources import Resources
from libs.common.security import Scope
from tests.common.http.conftest import Callers, SampleSettings
from tests.servers import Server, TestRun, start_valkey, stop

NOTE = "/api/v1/note/019a0000-0000-7000-8000-000000000000"


@pytest.fixture
def valkey(test_run: TestRun, tmp_path: Path) -> Server:
    """A Valkey of this test's own."""
    return start_valkey(test_run.folder / tmp_path.name)


@pytest.fixture
async def resources(sample_settings: SampleSettings, valkey: Server) -> AsyncIterator[Resources]:
    """The sample service's resources, with that Valkey."""
    settings = sample_settings.model_copy(update={"redis_url": SecretStr(valkey.url)})
    async with Resources.open(settings) as opened:
        yield opened
    stop(valkey, kill=True)


async def timed_get(client: httpx.AsyncClient, headers: dict[str, str]) -> tuple[int, float]:
    """Make a request; its status and its seconds."""
    started = time.monotonic()
    response = await client.get(NOTE, headers=headers)
    return response.status_code, time.monotonic() - started


async def test_a_dead_redis_does_not_stop_requests(
    client: httpx.AsyncClient, callers: Callers, valkey: Server
) -> None:
    ann = callers.add("ann", Scope.AGENTS_READ)
    before, _ = await timed_get(client, ann)
    stop(valkey, kill=True)
    during = [await timed_get(client, ann) for _ in range(20)]

    assert before == 200
    assert {status for status, _ in during} == {200}
    assert max(seconds for _, seconds in during) < 1


async def test_one_that_hangs_costs_a_moment_once(
    client: httpx.AsyncClient, callers: Callers, valkey: Server
) -> None:
    ann = callers.add("ann", Scope.AGENTS_READ)
    await timed_get(client, ann)
    os.kill(valkey.pid, signal.SIGSTOP)
    await asyncio.sleep(0.6)
    hanging = [await timed_get(client, ann) for _ in range(5)]
    os.kill(valkey.pid, signal.SIGCONT)
    await asyncio.sleep(1.1)
    after, _ = await timed_get(client, ann)

    assert {status for status, _ in hanging} == {200}
    assert sum(seconds for _, seconds in hanging) < 1
    assert after == 200
