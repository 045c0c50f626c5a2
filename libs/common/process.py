"""Starting a process, keeping it running, and stopping it without losing anything.

On SIGTERM or SIGINT a process first says that it is not ready, keeps serving for
`DRAIN_SECONDS` (in a cluster: until the load balancers have noticed), then lets streams end and
finishes what it has begun. A second signal ends it at once.
"""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import FrameType
from typing import TYPE_CHECKING, Final, TypeVar

from pydantic import ValidationError

from libs.common.periodic import jittered
from libs.common.root_keys import LocalRootKey, RootKeyUnavailable
from libs.common.settings import ServiceSettings
from libs.common.telemetry.logging import configure_logging, flush_request_lines, get_logger
from libs.common.telemetry.tracing import configure_tracing, shutdown_tracing

if TYPE_CHECKING:
    from aiohttp import web
    from fastapi import FastAPI

    from libs.common.resources import Resources

log = get_logger(__name__)

BACKLOG: Final = 4096
STOP_SECONDS: Final = 25
FIRST_BACKOFF_SECONDS: Final = 0.2
MAX_BACKOFF_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0

S = TypeVar("S", bound=ServiceSettings)

Loop = Callable[[], Awaitable[None]]
"""A coroutine function that runs until it is cancelled."""

Loops = Callable[["Resources"], AbstractAsyncContextManager[Mapping[str, Loop]]]
"""Puts a worker together and yields its loops by name."""


def load_settings(kind: type[S]) -> S:
    """Read a service's settings; what is wrong with them is said in plain words, and is fatal."""
    try:
        settings = kind()
        # Read and tried now, so that a key that cannot be used is found at the start.
        for root in (settings.root_key, *settings.root_keys_also):
            if not isinstance(root, LocalRootKey):
                asyncio.run(root.check())
    except ValidationError as error:
        problems = [
            ".".join(map(str, problem["loc"])).upper()
            + ("" if problem["loc"] else "settings")
            + f": {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
    except RootKeyUnavailable as error:
        problems = [f"the root key cannot be used: {error.reason}"]
    except (ValueError, OSError) as error:
        problems = [str(error)]
    else:
        return settings
    sys.exit(f"{kind.service}: the environment is not complete.\n  " + "\n  ".join(problems))


def serve(make_app: "Callable[[S], FastAPI]", settings: S) -> None:
    """Serve HTTP until told to stop."""
    import uvicorn  # noqa: PLC0415 - only processes that serve pay for it

    from libs.common.http.coalescing import CoalescingProtocol  # noqa: PLC0415 - as above

    _begin(settings)

    class Server(uvicorn.Server):
        """Uvicorn, but for what happens between the signal and the end."""

        drain: asyncio.Task[None] | None = None

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            _settle()
            log.info("serving", host=settings.http_host, port=settings.http_port)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            del frame
            if self.drain is not None:
                self.should_exit = self.force_exit = True
                return
            log.info("stopping", signal=signal.Signals(sig).name)
            self.drain = asyncio.get_running_loop().create_task(self._drain())

        async def _drain(self) -> None:
            resources: Resources | None = getattr(app.state, "resources", None)
            if resources is not None:
                resources.not_ready = True
            await asyncio.sleep(settings.drain_seconds)
            if resources is not None:
                resources.draining.set()
            self.should_exit = True

    app = make_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.http_host,
        port=settings.http_port,
        loop="uvloop",
        http=CoalescingProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = Server(config)
    try:
        server.run()
    finally:
        flush_request_lines()
        shutdown_tracing()
    if not server.started:
        sys.exit(3)


def run_worker(settings: S, loops: Loops) -> None:
    """Run a worker's loops until told to stop; one that crashes is started again.

    Args:
        settings: The service's; probes and metrics are served on its `worker_port`.
        loops: Puts the worker together.
    """
    import uvloop  # noqa: PLC0415 - for workers; uvicorn loads it for the others

    _begin(settings)
    try:
        uvloop.run(_work(settings, loops))
    finally:
        shutdown_tracing()


def _begin(settings: ServiceSettings) -> None:
    configure_logging(service=settings.service, level=settings.log_level)
    configure_tracing(
        service=settings.service,
        endpoint=settings.otel_exporter_otlp_endpoint,
        sample_ratio=settings.otel_traces_sampler_arg,
    )


def _settle() -> None:
    """Take what was made at the start out of the garbage collector's rounds: it stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _work(settings: ServiceSettings, loops: Loops) -> None:
    from libs.common.resources import Resources  # noqa: PLC0415 - after tracing is set up

    stopping = asyncio.Event()

    def stop(sig: signal.Signals) -> None:
        if stopping.is_set():
            os._exit(1)
        log.info("stopping", signal=sig.name)
        stopping.set()

    event_loop = asyncio.get_running_loop()
    for sig in (signal.SIGTERM, signal.SIGINT):
        event_loop.add_signal_handler(sig, stop, sig)
    async with (
        Resources.open(settings) as resources,
        loops(resources) as named,
        _probes(resources, port=settings.worker_port),
    ):
        _settle()
        log.info("worker_started", loops=sorted(named))
        tasks = [
            asyncio.create_task(supervise(name, loop), name=name) for name, loop in named.items()
        ]
        await stopping.wait()
        resources.not_ready = True
        resources.draining.set()
        for task in tasks:
            task.cancel()
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        if late:
            log.warning("stopped_in_the_middle", loops=[task.get_name() for task in late])


async def supervise(name: str, loop: Loop) -> None:
    """Run a loop for ever: when it crashes or returns, it is started again, ever more slowly."""
    crashes = 0
    while True:
        started = time.monotonic()
        try:
            await loop()
            log.error("loop_ended", loop=name)
        except Exception:
            log.exception("loop_crashed", loop=name)
        if time.monotonic() - started > STEADY_SECONDS:
            crashes = 0
        wait = min(FIRST_BACKOFF_SECONDS * 2**crashes, MAX_BACKOFF_SECONDS)
        crashes = min(crashes + 1, 10)
        await asyncio.sleep(jittered(wait))


@contextlib.asynccontextmanager
async def _probes(resources: "Resources", *, port: int) -> AsyncIterator[None]:
    """Serve a worker's probes and metrics."""
    from aiohttp import web  # noqa: PLC0415 - the HTTP processes have their own server

    from libs.common.health import examine  # noqa: PLC0415 - as above
    from libs.common.readiness import Readiness  # noqa: PLC0415 - as above
    from libs.common.telemetry.metrics import render_metrics  # noqa: PLC0415 - as above

    readiness = Readiness(resources)

    async def live(_request: "web.Request") -> "web.Response":
        return web.json_response({"status": "alive"})

    async def ready(_request: "web.Request") -> "web.Response":
        reason = await readiness.reason_against()
        if reason is None:
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not ready", "reason": reason}, status=503)

    async def health(_request: "web.Request") -> "web.Response":
        report = await examine(resources.service, resources.checks)
        return web.json_response(report.as_json(), status=report.http_status)

    async def metrics(_request: "web.Request") -> "web.Response":
        return web.Response(body=render_metrics(), headers={"content-type": "text/plain"})

    app = web.Application()
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/health", health)
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, resources.settings.http_host, port).start()
    try:
        yield
    finally:
        await runner.cleanup()
