"""An application behind a real socket, inside the test's own loop, that stops at once.

uvicorn by itself looks every tenth of a second whether it should stop, and sleeps another tenth
before it does: more than most tests take altogether.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import State

from libs.common.resources import Resources
from libs.common.settings import ServiceSettings

GRACE_SECONDS = 1.0


def read_when_made(settings: ServiceSettings) -> object:
    """Return what an application takes from its settings when it is made.

    All else is read from its resources, so that applications for which this is the same can
    stand in for each other.
    """
    return settings.service, tuple(settings.cors_allowed_origins), settings.public_url


def placed_on(
    resources: AbstractAsyncContextManager[Resources],
    app: FastAPI,
    wire: Callable[[Resources], AbstractAsyncContextManager[object]],
) -> FastAPI:
    """Have an application that is not running begin anew on other resources.

    Making one of two hundred routes takes half a second.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with (
            resources as app.state.resources,
            wire(app.state.resources) as app.state.wiring,
        ):
            yield

    app.state = State()
    app.router.lifespan_context = life
    return app


@asynccontextmanager
async def serving(app: FastAPI, listener: socket.socket, **options: Any) -> AsyncIterator[None]:
    """Serve an application on a socket until the block ends; the socket is closed then.

    Raises:
        RuntimeError: The application did not start.
    """
    config = uvicorn.Config(app, log_config=None, access_log=False, **options)
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    try:
        await server.startup(sockets=[listener])
    except SystemExit:
        listener.close()
        raise RuntimeError("the service did not start") from None
    # Once is enough: it puts the headers together that every reply has.
    await server.on_tick(0)
    try:
        yield
    finally:
        await _stop(server)
        listener.close()


async def _stop(server: uvicorn.Server) -> None:
    for listening in server.servers:
        listening.close()
    state = server.server_state
    for connection in list(state.connections):
        connection.shutdown()
    try:
        async with asyncio.timeout(GRACE_SECONDS):
            while state.connections or state.tasks:
                await asyncio.sleep(0.001)
    except TimeoutError:
        left = list(state.tasks)
        for task in left:
            task.cancel()
        # What they let go of must be there still.
        await asyncio.gather(*left, return_exceptions=True)
    for listening in server.servers:
        await listening.wait_closed()
    await server.lifespan.shutdown()
