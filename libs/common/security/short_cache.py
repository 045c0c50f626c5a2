"""What auth said a moment ago, so that it is not asked again with every request."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from libs.common.errors import Unavailable

PROCESS_CACHE_SECONDS = 2.0
STALE_SECONDS = 60.0
MAX_CACHED = 20_000

V = TypeVar("V")


class ShortCache(Generic[V]):
    """Answers for two seconds from memory, asks once for many, and outlives a short outage."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[float, V]] = OrderedDict()
        self._asking: dict[str, asyncio.Task[V]] = {}

    async def get(self, key: str, ask: Callable[[], Awaitable[V]]) -> V:
        now = time.monotonic()
        entry = self._entries.get(key)
        if entry is not None and now - entry[0] < PROCESS_CACHE_SECONDS:
            return entry[1]
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, ask))
            self._asking[key] = task
            task.add_done_callback(lambda done: self._asked(key, done))
        try:
            # Shielded: a caller that goes away must not fail the others who wait.
            return await asyncio.shield(task)
        except Unavailable:
            if entry is not None and now - entry[0] < STALE_SECONDS:
                return entry[1]
            raise

    def _asked(self, key: str, task: "asyncio.Task[V]") -> None:
        self._asking.pop(key, None)
        if not task.cancelled():
            task.exception()  # read, so that nobody's absence makes it an unhandled one

    async def _ask(self, key: str, ask: Callable[[], Awaitable[V]]) -> V:
        value = await ask()
        self._entries[key] = (time.monotonic(), value)
        self._entries.move_to_end(key)
        if len(self._entries) > MAX_CACHED:
            self._entries.popitem(last=False)
        return value
