"""Both processes as an operator starts them: what auth does reaches the stream."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import orjson
from redis.asyncio import Redis

from tests.auth.conftest import registration
from tests.conftest import ServiceEnvironment


@asynccontextmanager
async def process(
    module: str, environment: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a module; SIGTERM ends it, and it must end well."""
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.send_signal(signal.SIGTERM)
        assert await started.wait() == 0


async def answers(client: httpx.AsyncClient, url: str) -> bool:
    """Wait until a page answers 200."""
    for _ in range(600):
        try:
            if (await client.get(url)).status_code == 200:
                return True
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    return False


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
        await stack.enter_async_context(process("services.auth.main", environment))
        await stack.enter_async_context(process("services.auth.worker", environment))
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
        assert await answers(client, f"{base}/health/ready")
        assert await answers(client, f"http://127.0.0.1:{worker_port}/health/ready")

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
