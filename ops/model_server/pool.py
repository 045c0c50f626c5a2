"""Threads that run the models, and a queue that is allowed to be full."""

import asyncio
import itertools
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")

# A job, and the order in which it is taken: by urgency, then by arrival.
_Entry = tuple[int, int, Callable[[], None]]

URGENT = 0
BULK = 1


class QueueFull(Exception):
    """There is more to do than can be done soon."""


class InferencePool:
    """Runs small jobs on a fixed number of threads.

    A search waits for its question's vector while ten thousand passages are being indexed, so
    urgent jobs go before bulk ones.
    """

    def __init__(self, *, threads: int, capacity: int) -> None:
        self._queue: queue.PriorityQueue[_Entry] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._capacity = capacity
        for number in range(threads):
            threading.Thread(target=self._work, name=f"inference-{number}", daemon=True).start()

    @property
    def waiting(self) -> int:
        """How many jobs no thread has taken yet."""
        return self._queue.qsize()

    async def run(self, jobs: Sequence[Callable[[], T]], *, priority: int) -> list[T]:
        """Run all jobs; return their results in their order.

        Raises:
            QueueFull: They would have to wait behind too many others.
        """
        waiting = self.waiting
        if waiting and waiting + len(jobs) > self._capacity:
            raise QueueFull
        futures = [self._submit(job, priority) for job in jobs]
        try:
            return list(await asyncio.gather(*(asyncio.wrap_future(one) for one in futures)))
        finally:
            # Whoever asked is gone: what has not begun need not begin.
            for future in futures:
                future.cancel()

    def _submit(self, job: Callable[[], T], priority: int) -> "Future[T]":
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(job())
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
                future.set_exception(error)

        self._queue.put((priority, next(self._numbers), run))
        return future

    def _work(self) -> None:
        while True:
            _, _, run = self._queue.get()
            run()
