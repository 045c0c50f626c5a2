"""One connection to a host at a time, whoever crawls it, and a pause after each page."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

# No request takes longer; a worker that dies in the middle holds the host up for so long.
HELD_SECONDS: Final = 60.0
MAX_SITES: Final = 10_000
_LOOK_AGAIN_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class PoliteTurns:
    """Fulfils `HostTurns`: the turn is a key in Redis, so that all workers share it.

    While Redis is away each process is polite by itself.

    Args:
        redis: Where the turns are.
        pause_seconds: At least so long between two pages; 0 takes no turns at all.
    """

    redis: Redis
    pause_seconds: float
    _next: "OrderedDict[str, float]" = field(default_factory=OrderedDict)
    _locks: "WeakValueDictionary[str, asyncio.Lock]" = field(default_factory=WeakValueDictionary)

    @asynccontextmanager
    async def turn(self, site: str, *, delay_seconds: float) -> AsyncIterator[None]:
        """Wait for one's turn; the pause begins when the block is left."""
        pause = max(self.pause_seconds, delay_seconds)
        if pause <= 0:
            yield
            return
        key = f"platform:crawl:{site}"
        lock = self._locks.setdefault(site, asyncio.Lock())
        async with lock:
            await asyncio.sleep(self._next.get(site, 0.0) - time.monotonic())
            held = await self._take(key)
            try:
                yield
            finally:
                self._next[site] = time.monotonic() + pause
                self._next.move_to_end(site)
                if len(self._next) > MAX_SITES:
                    self._next.popitem(last=False)
                if held:
                    await self._give_back(key, pause)

    async def _take(self, key: str) -> bool:
        try:
            while not await self.redis.set(key, b"1", nx=True, px=int(HELD_SECONDS * 1000)):
                left = await self.redis.pttl(key)
                await asyncio.sleep(min(max(left, 10) / 1000, _LOOK_AGAIN_SECONDS))
        except (RedisError, OSError) as error:
            log.warning("crawl_turns_not_shared", reason=type(error).__name__)
            return False
        return True

    async def _give_back(self, key: str, pause: float) -> None:
        try:
            await self.redis.pexpire(key, int(pause * 1000) or 1)
        except (RedisError, OSError) as error:
            log.warning("crawl_turns_not_shared", reason=type(error).__name__)
