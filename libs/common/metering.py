"""Counting API calls for the usage ledger: by tenant, method, route and status class.

Counts are kept in memory and put on the `usage` stream every few seconds. They are statistics,
not bills: what a killed process had not sent yet is lost, and a Redis outage is waited out.
"""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from redis.exceptions import RedisError

from libs.common.events.catalogue.analytics import ApiCallsCounted
from libs.common.events.envelope import EventEnvelope
from libs.common.events.streams import ENTRY_FIELD, stream_name
from libs.common.ids import new_id
from libs.common.telemetry.logging import get_logger

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = get_logger(__name__)

FLUSH_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0
MAX_PENDING: Final = 50_000
STREAM_LENGTH: Final = 100_000

Call = tuple[UUID, str, str, str]


class UsageMeter:
    """Counts the calls of one process and sends the counts on."""

    def __init__(
        self, redis: "Redis", *, service: str, flush_seconds: float = FLUSH_SECONDS
    ) -> None:
        self._redis = redis
        self._service = service
        self._flush_seconds = flush_seconds
        self._counts: dict[Call, list[float]] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def count(
        self,
        tenant_id: UUID,
        *,
        method: str,
        route: str,
        status_class: str,
        duration_ms: float,
    ) -> None:
        """Count one call.

        Args:
            tenant_id: Whose call it was.
            method: The HTTP method.
            route: The route's template.
            status_class: Such as `2xx`.
            duration_ms: How long it took.
        """
        known = self._counts.setdefault((tenant_id, method, route, status_class), [0, 0.0])
        known[0] += 1
        known[1] += duration_ms

    async def start(self) -> None:
        """Send the counts from now on."""
        self._stopping.clear()
        self._task = asyncio.create_task(self._run(), name="usage-meter")

    async def stop(self) -> None:
        """Send what is left; a Redis that hangs does not keep the process from ending."""
        if self._task is not None:
            self._stopping.set()
            _, late = await asyncio.wait({self._task}, timeout=STOP_SECONDS)
            for task in late:
                task.cancel()
            self._task = None

    async def flush(self) -> None:
        """Put what was counted since the last time on the stream; kept when Redis is away."""
        if not self._counts:
            return
        counts, self._counts = self._counts, {}
        try:
            async with asyncio.timeout(self._flush_seconds):
                await self._send(counts)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("usage_not_sent", reason=repr(error), entries=len(counts))
            if len(counts) + len(self._counts) <= MAX_PENDING:
                for call, (calls, duration_ms) in counts.items():
                    known = self._counts.setdefault(call, [0, 0.0])
                    known[0] += calls
                    known[1] += duration_ms

    async def _send(self, counts: dict[Call, list[float]]) -> None:
        now = datetime.now(UTC)
        pipeline = self._redis.pipeline(transaction=False)
        for (tenant_id, method, route, status_class), (calls, duration_ms) in counts.items():
            event = ApiCallsCounted(
                service=self._service,
                method=method,
                route=route,
                status_class=status_class,
                calls=int(calls),
                duration_ms=round(duration_ms),
            )
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
                stream_name(ApiCallsCounted.topic),
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
