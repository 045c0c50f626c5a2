"""The wake-up call, as an arq job: whoever takes it from the queue looks for work in PostgreSQL.

arq keeps no state of ours. Left to itself it would count a deploy as a failed attempt and wait out
a time limit after a kill; a lost wake-up costs a second at most, since workers also look by
themselves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from arq.worker import Worker, func
from redis.asyncio import Redis
from redis.exceptions import RedisError

from libs.common.telemetry.logging import get_logger
from libs.common.wake import ARQ_FUNCTION, arq_client, queue_name, wait_for_nudge

if TYPE_CHECKING:
    from arq.typing import WorkerCoroutine

log = get_logger(__name__)

POLL_SECONDS: Final = 2.0
TIMEOUT_SECONDS: Final = 10

# One line for each wake-up says nothing; what the jobs do is logged by the runner.
logging.getLogger("arq.worker").setLevel(logging.WARNING)


class WakeWorker(Worker):
    """An arq worker that knows one function and leaves calls to others while it is busy.

    Args:
        redis: Whose connections are used.
        service: Names the queue.
        on_wake: Called for each wake-up.
        has_room: Whether this process could take a job; if not, another should hear the call.
        nudge: Says that it is worth looking into the queue now.
    """

    def __init__(
        self,
        redis: Redis,
        service: str,
        *,
        on_wake: Callable[[], None],
        has_room: Callable[[], bool],
        nudge: asyncio.Event,
    ) -> None:
        async def wake(_context: dict[str, Any]) -> None:
            on_wake()

        client = arq_client(redis, service)
        super().__init__(
            functions=[
                func(cast("WorkerCoroutine", wake), name=ARQ_FUNCTION, keep_result=0, max_tries=1)
            ],
            queue_name=queue_name(service),
            redis_pool=client,
            handle_signals=False,
            job_timeout=TIMEOUT_SECONDS,
            poll_delay=POLL_SECONDS,
            keep_result=0,
            job_serializer=client.job_serializer,
            job_deserializer=client.job_deserializer,
        )
        self._has_room = has_room
        self._nudge = nudge

    async def main(self) -> None:
        """Poll for ever, at each nudge and every two seconds; an outage of Redis is waited out."""
        try:
            while True:
                try:
                    if self._has_room():
                        await self._poll_iteration()
                except (RedisError, OSError) as error:
                    log.warning("wake_ups_not_heard", reason=type(error).__name__)
                    await asyncio.sleep(POLL_SECONDS)
                await wait_for_nudge(self._nudge, POLL_SECONDS)
        finally:
            for task in self.tasks.values():
                task.cancel()
