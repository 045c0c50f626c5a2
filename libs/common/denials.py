"""Telling the audit trail who was refused: counted in memory, sent on every few seconds.

A refusal costs a dictionary look-up, so that nobody can make one dear. Whether an id does not
exist or is another tenant's is not known here, nor looked up: it must make no difference, and a
caller who asks for many such ids is worth seeing either way.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from redis.exceptions import RedisError

from libs.common.events.catalogue.audit import AccessDenied
from libs.common.events.envelope import EventEnvelope
from libs.common.events.streams import ENTRY_FIELD, stream_name
from libs.common.ids import new_id
from libs.common.security.callers import Caller
from libs.common.telemetry.logging import get_logger

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = get_logger(__name__)

FLUSH_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0
MAX_PENDING: Final = 2_000
STREAM_LENGTH: Final = 100_000

Reason = Literal["permission", "not_found", "network"]


@dataclass(frozen=True, slots=True)
class Denial:
    """Who was refused what, from where."""

    caller: Caller
    method: str
    route: str
    reason: Reason
    address: str


class DenialLog:
    """Collects the refusals of one process and sends them on."""

    def __init__(
        self, redis: "Redis", *, service: str, flush_seconds: float = FLUSH_SECONDS
    ) -> None:
        self._redis = redis
        self._service = service
        self._flush_seconds = flush_seconds
        self._times: dict[Denial, int] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def note(self, denial: Denial) -> None:
        """Count a refusal."""
        if denial in self._times or len(self._times) < MAX_PENDING:
            self._times[denial] = self._times.get(denial, 0) + 1

    async def start(self) -> None:
        """Send refusals from now on."""
        self._stopping.clear()
        self._task = asyncio.create_task(self._run(), name="denials")

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
        if not self._times:
            return
        times, self._times = self._times, {}
        try:
            async with asyncio.timeout(self._flush_seconds):
                await self._send(times)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("denials_not_sent", reason=repr(error), entries=len(times))
            for denial, count in times.items():
                self._times[denial] = self._times.get(denial, 0) + count

    async def _send(self, times: dict[Denial, int]) -> None:
        now = datetime.now(UTC)
        pipeline = self._redis.pipeline(transaction=False)
        for denial, count in times.items():
            caller = denial.caller
            event = AccessDenied(
                service=self._service,
                method=denial.method,
                route=denial.route,
                reason=denial.reason,
                caller_kind=caller.kind,
                caller_id=caller.id,
                user_id=caller.user_id,
                role=caller.role,
                impersonator_id=caller.impersonator_id,
                address=denial.address,
                times=count,
            )
            envelope = EventEnvelope(
                id=new_id(),
                name=event.event_name,
                version=event.schema_version,
                tenant_id=caller.tenant_id,
                aggregate_id=None,
                aggregate_version=0,
                occurred_at=now,
                traceparent=None,
                payload=event.model_dump(mode="json"),
            )
            pipeline.xadd(
                stream_name(AccessDenied.topic),
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
