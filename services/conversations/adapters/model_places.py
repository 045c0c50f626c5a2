"""How many calls of chat models run at the same time: by provider, and by agent.

Counted in this process; how many answers of a tenant are in the making at all, PostgreSQL decides.
"""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Places:
    """Lets so many in at a time under each name; the others wait in line.

    Args:
        limit: The most under one name.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken: dict[Hashable, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def place(self, name: Hashable, *, wait_seconds: float) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            TimeoutError: None came free in time.
        """
        semaphore, users = self._taken.get(name, (asyncio.Semaphore(self._limit), 0))
        self._taken[name] = (semaphore, users + 1)
        try:
            if semaphore.locked():
                async with asyncio.timeout(wait_seconds):
                    await semaphore.acquire()
            else:
                await semaphore.acquire()
            try:
                yield
            finally:
                semaphore.release()
        finally:
            users = self._taken[name][1] - 1
            if users:
                self._taken[name] = (semaphore, users)
            else:
                del self._taken[name]
