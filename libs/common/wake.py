"""Waking the workers of a service, from the processes that gave them something to do.

PostgreSQL's NOTIFY would do it inside the transaction, but it makes all notifying commits of a
cluster wait for one another (a third of the commits per second at 16 clients, measured; see
docs/decisions). A nudge over Redis after the commit costs less, may get lost, and must not fail:
workers also look by themselves, for jobs every second.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import orjson
from arq.connections import ArqRedis
from redis.asyncio import Redis
from redis.exceptions import RedisError

from libs.common.telemetry.logging import get_logger

log = get_logger(__name__)

INTERVAL_SECONDS: Final = 0.02
EVENTS: Final = b"events"
JOBS: Final = b"jobs"
ARQ_FUNCTION: Final = "wake"
RECONNECT_SECONDS: Final = 1.0


def channel_name(service: str) -> str:
    """Return the channel on which a service's workers are nudged."""
    return f"wake:{service}"


def queue_name(service: str) -> str:
    """Return the name of a service's arq queue."""
    return f"arq:{service}"


def arq_client(redis: Redis, service: str) -> ArqRedis:
    """Return arq's client on the connections of `redis`; its entries are JSON, not pickles."""
    return ArqRedis(
        pool_or_conn=redis.connection_pool,
        default_queue_name=queue_name(service),
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
    )


async def wait_for_nudge(nudge: asyncio.Event, seconds: float) -> None:
    """Wait until somebody sets `nudge`, or for so long; then clear it."""
    try:
        async with asyncio.timeout(seconds):
            await nudge.wait()
    except TimeoutError:
        return
    nudge.clear()


class Wake:
    """Tells a service's workers that there are events to publish or jobs to do.

    The calls return at once; many calls within 20 ms become one message.

    Args:
        redis: Over which they are told.
        service: Whose workers.
        here: Set instead of telling of events, in a process that publishes them itself.
    """

    def __init__(self, redis: Redis, service: str, *, here: asyncio.Event | None = None) -> None:
        self._redis = redis
        self._arq = arq_client(redis, service)
        self._channel = channel_name(service)
        self._here = here
        self._wanted: set[bytes] = set()
        self._sender: asyncio.Task[None] | None = None
        self._sent_at = 0.0

    def events(self) -> None:
        """Say that events were committed to the outbox."""
        if self._here is not None:
            self._here.set()
        else:
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


class Nudges:
    """Hears what `Wake` sends, in a worker process.

    Attributes:
        events: Set when there are events to publish.
        jobs: Set when there are jobs to do.
    """

    def __init__(self, redis: Redis, service: str) -> None:
        self._redis = redis
        self._channel = channel_name(service)
        self.events = asyncio.Event()
        self.jobs = asyncio.Event()

    async def run(self) -> None:
        """Listen for ever; while Redis is away the workers look by themselves."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as pubsub:
                    await pubsub.subscribe(self._channel)
                    # Something may have been said while we were not listening.
                    self._set(EVENTS + JOBS)
                    async for message in pubsub.listen():
                        self._set(message["data"])
            except (RedisError, OSError) as error:
                log.warning("nudges_not_heard", reason=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)

    def _set(self, what: bytes) -> None:
        if EVENTS in what:
            self.events.set()
        if JOBS in what:
            self.jobs.set()
