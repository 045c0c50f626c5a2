"""Argon2id in a few threads.

A hash takes 19 MiB and some 30 ms of a processor, so no more run at once than there are
processors, and those that wait are bounded: what cannot be done soon is refused at once, and the
event loop goes on serving everybody else.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from argon2 import PasswordHasher as Argon2
from argon2.exceptions import InvalidHashError, VerificationError

from services.auth.domain.errors import HashingBusy

# OWASP Password Storage Cheat Sheet: Argon2id with 19 MiB, two passes, one lane.
MEMORY_KIB: Final = 19 * 1024
PASSES: Final = 2
LANES: Final = 1
# Behind each processor: at 30 ms each, the last one waits about a second.
WAITING_PER_SLOT: Final = 32

T = TypeVar("T")


class Argon2PasswordHasher:
    """Hashes passwords in threads of its own.

    Args:
        slots: How many at once; the number of processors when left out.
    """

    def __init__(self, slots: int | None = None) -> None:
        self._argon2 = Argon2(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._slots = slots or os.cpu_count() or 1
        # The pool is the semaphore: a slot is taken for as long as the thread works, also when
        # the client has left in the meantime.
        self._threads = ThreadPoolExecutor(self._slots, thread_name_prefix="argon2")
        self._under_way = 0
        # What an unknown user's password is compared with.
        self._dummy = self._argon2.hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        """Return a salted hash that names its own parameters.

        Raises:
            HashingBusy: Too many others are waiting.
        """
        return await self._run(lambda: self._argon2.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Say whether a password fits; None takes as long as any wrong one, and says no.

        Raises:
            HashingBusy: Too many others are waiting.
        """
        fits = await self._run(lambda: self._fits(password, password_hash or self._dummy))
        return fits and password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Say whether a hash was made with weaker parameters than those of today."""
        return self._argon2.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _fits(self, password: str, password_hash: str) -> bool:
        try:
            return self._argon2.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._under_way >= self._slots * (1 + WAITING_PER_SLOT):
            raise HashingBusy(retry_after_seconds=2)
        self._under_way += 1
        future = self._threads.submit(work)
        future.add_done_callback(self._done_callback(asyncio.get_running_loop()))
        return await asyncio.wrap_future(future)

    def _done_callback(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        def done(_future: object) -> None:
            # Called in the thread; the count belongs to the loop, which may be gone by now.
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._one_less)

        return done

    def _one_less(self) -> None:
        self._under_way -= 1
