"""Both processes as an operator starts them: what auth does reaches the stream."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Final

import httpx
import orjson
from redis.asyncio import Redis

from tests.auth.conftest import registration
from tests.conftest import ServiceEnvironment

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0


@dataclass(frozen=True)
class Started:
    """A process, and what it writes."""

    running: asyncio.subprocess.Process
    log: IO[bytes]

    def said(self) -> str:
        """Return the end of what it has written."""
        self.log.seek(0)
        return self.log.read()[-5_000:].decode(errors="replace")

    async def answers(self, url: str) -> None:
        """Wait until a page of it answers 200.

        Raises:
            AssertionError: It ended, or took too long.
        """
        until = time.monotonic() + START_SECONDS
        async with httpx.AsyncClient(timeout=2) as client:
            while time.monotonic() < until and self.running.returncode is None:
                with suppress(httpx.TransportError):
                    if (await client.get(url)).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise AssertionError(f"{url} does not answer: {self.said()}")


@asynccontextmanager
async def process(module: str, environment: dict[str, str]) -> AsyncIterator[Started]:
    """Run a module; SIGTERM ends it, and it must end well."""
    with TemporaryFile() as log:
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=log,
            stderr=log,
        )
        started = Started(running, log)
        try:
            yield started
        finally:
            if running.returncode is None:
                running.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOP_SECONDS):
                assert await running.wait() == 0, started.said()


async def test_a_registration_becomes_events(
    service_environment: ServiceEnvironment,
    redis: Redis,
    unused_tcp_port_factory: Callable[[], int],
) -> None:
    http_port, worker_port = unused_tcp_port_factory(), unused_tcp_port_factory()
    base = f"http://127.0.0.1:{http_port}"
    environment = service_environment("auth") | {
        "HTTP_PORT": str(http_port),
        "WORKER_PORT": str(worker_port),
        "AUTH_URL": base,
    }
    async with AsyncExitStack() as stack:
        main = await stack.enter_async_context(process("services.auth.main", environment))
        worker = await stack.enter_async_context(process("services.auth.worker", environment))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        await main.answers(f"{base}/health/ready")
        await worker.answers(f"http://127.0.0.1:{worker_port}/health/ready")

        response = await client.post(
            f"{base}/api/v1/auth/register", json=registration(company_name="Acme")
        )

        assert response.status_code == 201
        tenant_id = response.json()["user"]["company_id"]
        assert await events_of(redis, tenant_id) == ["tenant.created", "user.created"]


async def events_of(redis: Redis, tenant_id: str) -> list[str]:
    """Wait for a tenant's events, and return their names."""
    for _ in range(100):
        entries = await redis.xrange("events:auth")
        envelopes = [orjson.loads(value) for _, fields in entries for value in fields.values()]
        names = [event["name"] for event in envelopes if event["tenant_id"] == tenant_id]
        if len(names) > 1:
            return names
        await asyncio.sleep(0.05)
    return []
