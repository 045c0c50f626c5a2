"""Work beside a block: a task that lives as long as the block it serves."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None], *, name: str) -> AsyncIterator[None]:
    """Run `work` beside the block, and end it with the block.

    Raises:
        Exception: What `work` failed with, once the block itself has ended well.
    """
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        # Not `await task` with CancelledError suppressed: a cancellation of the caller that came
        # while it waited would be swallowed with the task's own, and the caller run on for ever.
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
