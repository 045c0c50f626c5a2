"""Processes: started, watched, stopped without losing anything."""

import asyncio
import base64
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from libs.common.process import supervise
from libs.common.testing.keys import make_service_keys
from tests.conftest import DatabaseUrls

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(database_urls: DatabaseUrls, redis_url: str, unused_port: int) -> dict[str, str]:
    """The environment of the process under test."""
    urls = database_urls("sample")
    keys = make_service_keys(["sample"])
    return {
        "PATH": os.environ["PATH"],
        "PYTHONWARNINGS": "error",
        "PRIMARY_DB_URL": urls.primary,
        "WORKER_DB_URL": urls.worker,
        "REDIS_URL": redis_url,
        "MASTER_ENCRYPTION_KEY": base64.b64encode(bytes(range(32))).decode(),
        "SERVICE_KEY": keys.private_pems["sample"],
        "SERVICE_JWKS": json.dumps(keys.jwks),
        "HTTP_PORT": str(unused_port),
        "WORKER_PORT": str(unused_port),
    }


class Running:
    """A process under test."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.process = process
        self.url = url

    async def get(self, path: str) -> tuple[int, Any]:
        """Make a request; (0, None) when nobody listens."""
        try:
            async with aiohttp.ClientSession() as http, http.get(self.url + path) as response:
                return response.status, await response.json()
        except aiohttp.ClientError:
            return 0, None

    async def stop(self) -> list[dict[str, Any]]:
        """Ask it to stop and return what it has logged."""
        self.process.send_signal(signal.SIGTERM)
        return await self.end()

    async def end(self) -> list[dict[str, Any]]:
        """Wait for its end and return what it has logged."""
        output, _ = await asyncio.wait_for(self.process.communicate(), 20)
        return [json.loads(line) for line in output.splitlines() if line.startswith(b"{")]


@asynccontextmanager
async def started(kind: str, environment: dict[str, str]) -> AsyncIterator[Running]:
    """Start a process and wait until it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.common.process_under_test",
        kind,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    running = Running(process, f"http://127.0.0.1:{environment['HTTP_PORT']}")
    try:
        async with asyncio.timeout(30):
            while process.returncode is None and (await running.get("/health/live"))[0] != 200:
                await asyncio.sleep(0.05)
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


class TestServe:
    async def test_is_alive_ready_and_healthy(self, environment: dict[str, str]) -> None:
        async with started("http", environment) as running:
            assert await running.get("/health/live") == (200, {"status": "alive"})
            assert await running.get("/health/ready") == (200, {"status": "ready"})
            status, report = await running.get("/health")
            assert (status, report["status"]) == (200, "healthy")
            assert set(report["components"]) == {"database", "redis"}
            logged = await running.stop()

        assert running.process.returncode == 0
        assert [line["event"] for line in logged if line["level"] == "error"] == []

    async def test_drains_before_it_ends(self, environment: dict[str, str]) -> None:
        environment["DRAIN_SECONDS"] = "0.5"
        async with started("http", environment) as running, aiohttp.ClientSession() as http:
            async with http.get(running.url + "/ticks") as stream:
                await stream.content.readline()
                running.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.2)
                # Not ready any more, and still serving.
                not_ready = await running.get("/health/ready")
                assert not_ready == (503, {"status": "not ready", "reason": "draining"})
                assert (await stream.content.read()).endswith(b"goodbye\n")
            await running.end()

        assert running.process.returncode == 0

    async def test_a_busy_port_is_told(self, environment: dict[str, str]) -> None:
        with socket.create_server(("127.0.0.1", int(environment["HTTP_PORT"]))):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.common.process_under_test",
                "http",
                cwd=ROOT,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await asyncio.wait_for(process.communicate(), 20)

        assert process.returncode != 0
        assert b"address already in use" in output

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"PRIMARY_DB_URL": ""}, b"PRIMARY_DB_URL: Field required"),
            ({"MASTER_ENCRYPTION_KEY": "short"}, b"must be base64 of 32 random bytes"),
            ({"HTTP_PORT": "99999"}, b"HTTP_PORT: Input should be less than"),
        ],
    )
    async def test_a_bad_environment_is_told_in_a_sentence(
        self, environment: dict[str, str], changes: dict[str, str], sentence: bytes
    ) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.common.process_under_test",
            "http",
            cwd=ROOT,
            env=environment | changes,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 20)

        assert process.returncode == 1
        assert sentence in output
        assert b"Traceback" not in output
        assert b"PRIVATE KEY" not in output


class TestRunWorker:
    async def test_crashed_loops_start_again_and_begun_work_is_finished(
        self, environment: dict[str, str]
    ) -> None:
        async with started("worker", environment) as running:
            assert await running.get("/health/ready") == (200, {"status": "ready"})
            assert (await running.get("/health"))[1]["status"] == "healthy"
            await asyncio.sleep(1.5)
            logged = await running.stop()

        events = [line["event"] for line in logged]
        assert running.process.returncode == 0
        assert events.count("loop_crashed") == 2
        assert "steady_at_last" in events
        assert "finished_what_was_begun" in events


async def test_a_loop_that_returns_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libs.common.process.FIRST_BACKOFF_SECONDS", 0.001)
    runs = 0

    async def loop() -> None:
        nonlocal runs
        runs += 1

    task = asyncio.create_task(supervise("loop", loop))
    await until(lambda: runs >= 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)
