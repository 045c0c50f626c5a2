"""Waking the workers of a service, from the processes that gave them something to do.

PostgreSQL's NOTIFY would do it inside the transaction, but it makes all notifying commits of a
cluster wait for one another (a third of the commits per second at 16 clients, measured; see
docs/decisions). A nudge over Redis after the commit costs less, may get lost, and must not fail:
workers also look every second.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog
from arq.connections import ArqRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

INTERVAL_SECONDS: Final = 0.01
EVENTS: Final = b"events"
JOBS: Final = b"jobs"
ARQ_FUNCTION: Final = "wake"


def channel_name(service: str) -> str:
    """Return the channel on which a service's workers are nudged."""
    return f"wake:{service}"


def queue_name(service: str) -> str:
    """Return the name of a service's arq queue."""
    return f"arq:{service}"


class Wake:
    """Tells a service's workers that there are events to publish or jobs to do.

    The calls return at once; many calls within 10 ms become one message.
    """

    def __init__(self, redis: Redis, service: str) -> None:
        self._redis = redis
        self._arq = ArqRedis(
            pool_or_conn=redis.connection_pool, default_queue_name=queue_name(service)
        )
        self._channel = channel_name(service)
        self._wanted: set[bytes] = set()
        self._sender: asyncio.Task[None] | None = None
        self._sent_at = 0.0

    def events(self) -> None:
        """Say that events were committed to the outbox."""
        self._want(EVENTS)

    def jobs(self) -> None:
        """Say that jobs were committed to the queue."""
        self._want(JOBS)

    async def aclose(self) -> None:
        """Send what is still to be said."""
        if self._sender is not None:
            await self._sender

    def _want(self, what: bytes) -> None:
        self._wanted.add(what)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        while self._wanted:
            await asyncio.sleep(max(0.0, self._sent_at + INTERVAL_SECONDS - time.monotonic()))
            self._sent_at = time.monotonic()
            wanted, self._wanted = self._wanted, set()
            try:
                if JOBS in wanted:
                    # The queue keeps it for a worker that has a hand free; the nudge says "now".
                    await self._arq.enqueue_job(ARQ_FUNCTION)
                await self._redis.publish(self._channel, b" ".join(sorted(wanted)))
            except (RedisError, OSError) as error:
                log.debug("wake_not_sent", reason=type(error).__name__)
