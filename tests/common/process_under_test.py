"""A small service and its worker, as processes that tests start: `python -m …  http|worker`."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import StreamingResponse

from libs.common.http import anonymous, create_app
from libs.common.process import Loop, load_settings, run_worker, serve
from libs.common.resources import Resources
from libs.common.security import Caller
from libs.common.settings import ServiceSettings
from libs.common.telemetry import get_logger

log = get_logger(__name__)


class SampleSettings(ServiceSettings):
    """The settings of the sample service."""

    service: ClassVar[str] = "sample"


router = APIRouter()


@router.get("/ticks")
async def ticks(
    request: Request, caller: Annotated[Caller | None, Depends(anonymous())]
) -> StreamingResponse:
    """Stream ticks until the process is told to stop, then say goodbye."""
    resources: Resources = request.app.state.resources

    async def stream() -> AsyncIterator[bytes]:
        while not resources.draining.is_set():
            yield b"tick\n"
            await asyncio.sleep(0.05)
        yield b"goodbye\n"

    return StreamingResponse(stream())


def make_app(settings: SampleSettings) -> FastAPI:
    """Make the sample service."""
    return create_app(settings=settings, routers=[router], title="Sample")


@asynccontextmanager
async def loops(resources: Resources) -> AsyncIterator[dict[str, Loop]]:
    """Yield a loop that works, and one that crashes at first."""
    crashes = 0

    async def steady() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.1)
            log.info("finished_what_was_begun")

    async def shaky() -> None:
        nonlocal crashes
        crashes += 1
        if crashes < 3:
            raise RuntimeError("not yet")
        log.info("steady_at_last")
        await asyncio.Event().wait()

    yield {"steady": steady, "shaky": shaky}


if __name__ == "__main__":
    if sys.argv[1] == "http":
        serve(make_app, load_settings(SampleSettings))
    else:
        run_worker(load_settings(SampleSettings), loops)
