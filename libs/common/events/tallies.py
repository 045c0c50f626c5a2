"""Telling a stream what was counted in memory, every few seconds.

For what happens too often to cost more than a dictionary look-up, and may be lost with its
process: statistics, and refusals. A Redis outage is waited out.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, Final, Generic, TypeVar
from uuid import UUID

from redis.exceptions import RedisError

from libs.common.events.envelope import Event, EventEnvelope
from libs.common.events.streams import ENTRY_FIELD, stream_name
from libs.common.ids import new_id
from libs.common.telemetry.logging import get_logger

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = get_logger(__name__)

FLUSH_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0
STREAM_LENGTH: Final = 100_000

K = TypeVar("K")
V = TypeVar("V")


class TallySender(ABC, Generic[K, V]):
    """Sends what its subclass counts in `noted`.

    Attributes:
        name: Of the task, and in the log.
        noted: What was counted and not sent yet.
    """

    name: ClassVar[str]

    def __init__(
        self, redis: "Redis", *, service: str, flush_seconds: float = FLUSH_SECONDS
    ) -> None:
        self._redis = redis
        self._service = service
        self._flush_seconds = flush_seconds
        self.noted: dict[K, V] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    @abstractmethod
    def _told(self, key: K, value: V) -> tuple[UUID, Event]:
        """Return the tenant, and the event that tells of a key."""

    @abstractmethod
    def _keep(self, unsent: dict[K, V]) -> None:
        """Add what could not be sent to what was noted meanwhile."""

    async def start(self) -> None:
        """Send what is noted from now on."""
        self._stopping.clear()
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """Send what is left; a Redis that hangs does not keep the process from ending."""
        if self._task is not None:
            self._stopping.set()
            _, late = await asyncio.wait({self._task}, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            self._task = None

    async def flush(self) -> None:
        """Send what was noted since the last time; kept when Redis is away."""
        if not self.noted:
            return
        noted, self.noted = self.noted, {}
        try:
            async with asyncio.timeout(self._flush_seconds):
                await self._send(noted)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("tally_not_sent", tally=self.name, reason=repr(error), entries=len(noted))
            self._keep(noted)

    async def _send(self, noted: dict[K, V]) -> None:
        now = datetime.now(UTC)
        pipeline = self._redis.pipeline(transaction=False)
        for key, value in noted.items():
            tenant_id, event = self._told(key, value)
            envelope = EventEnvelope(
                id=new_id(),
                name=event.event_name,
                version=event.schema_version,
                tenant_id=tenant_id,
                aggregate_id=None,
                aggregate_version=0,
                occurred_at=now,
                traceparent=None,
                payload=event.model_dump(mode="json"),
            )
            pipeline.xadd(
                stream_name(event.topic),
                {ENTRY_FIELD: envelope.to_json()},
                maxlen=STREAM_LENGTH,
                approximate=True,
            )
        await pipeline.execute()

    async def _run(self) -> None:
        stopping = False
        while not stopping:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._flush_seconds):
                    await self._stopping.wait()
            stopping = self._stopping.is_set()
            await self.flush()
