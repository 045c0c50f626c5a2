"""The consumer: reads other services' events and has each handled once.

An entry is acknowledged after the commit of its effect. What fails stays pending, is claimed again
when it has been idle for a while (by whichever process), and after five deliveries moves to the
dead letters. Groups that Redis has lost are made again.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from libs.common.background import running
from libs.common.database import Database, DatabaseUnavailable
from libs.common.events.dead_letters import bury
from libs.common.events.delivery import Delivered, Delivery, Handlers
from libs.common.events.envelope import EventEnvelope, MalformedEvent
from libs.common.events.streams import ENTRY_FIELD, ensure_group, stream_name
from libs.common.telemetry.logging import get_logger

log = get_logger(__name__)

BATCH_SIZE: Final = 200
BLOCK_SECONDS: Final = 5.0
INTERVAL_SECONDS: Final = 0.4
RETRY_SECONDS: Final = 1.0
MAX_DELIVERIES: Final = 5
CLAIM_IDLE_SECONDS: Final = 15.0
HANDLER_TIMEOUT_SECONDS: Final = 10.0
FORGET_CONSUMER_SECONDS: Final = 3600.0

_CONSUMED: Final = Counter(
    "events_consumed_total",
    "Events read by this service, by outcome (handled, failed, buried).",
    ("topic", "outcome"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in a stream, before it is read."""

    topic: str
    id: bytes
    data: bytes
    deliveries: int = 1


class Consumer:
    """Reads the topics of the events it has handlers for.

    Args:
        redis: Where the streams are.
        database: The reading service's own.
        service: The reading service; names the group and marks its inbox.
        handlers: By event class. A handler is not shown what is older than what it has seen of
            an aggregate, unless it is wrapped in `EveryOne`.
        claim_idle_seconds: How long a failed or abandoned entry rests before the next attempt.
    """

    def __init__(
        self,
        redis: Redis,
        database: Database,
        service: str,
        handlers: Handlers,
        *,
        batch_size: int = BATCH_SIZE,
        claim_idle_seconds: float = CLAIM_IDLE_SECONDS,
        max_deliveries: int = MAX_DELIVERIES,
        handler_timeout_seconds: float = HANDLER_TIMEOUT_SECONDS,
    ) -> None:
        self._redis = redis
        self._database = database
        self._group = service
        self._name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._topics = sorted({kind.topic for kind in handlers})
        self._kinds = {kind.event_name: kind for kind in handlers}
        self._delivery = Delivery(database, service, handlers)
        self._batch_size = batch_size
        self._claim_idle_seconds = claim_idle_seconds
        self._max_deliveries = max_deliveries
        self._handler_timeout_seconds = handler_timeout_seconds
        self._claimed_at = 0.0
        self._tidied_at = time.monotonic()

    async def run(self) -> None:
        """Read for ever; outages of Redis and PostgreSQL are waited out."""
        while True:
            try:
                for topic in self._topics:
                    await ensure_group(self._redis, topic, self._group)
                while True:
                    await self._run_once()
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                log.warning("consumer_group_lost", group=self._group)
            except (RedisError, OSError) as error:
                log.warning("consumer_waits", reason=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _run_once(self) -> None:
        if time.monotonic() - self._claimed_at > self._claim_idle_seconds / 3:
            if await self._has_database():
                await self.claim()
            self._claimed_at = time.monotonic()
        if time.monotonic() - self._tidied_at > FORGET_CONSUMER_SECONDS:
            await self.forget_dead_consumers()
            self._tidied_at = time.monotonic()
        if await self.read(block_seconds=min(BLOCK_SECONDS, self._claim_idle_seconds / 3)):
            # What comes within a moment is handled together.
            await asyncio.sleep(INTERVAL_SECONDS)

    async def read(self, *, block_seconds: float = 0.001) -> int:
        """Handle a batch of new entries.

        Args:
            block_seconds: How long to wait for the first.

        Returns:
            How many there were.
        """
        streams: dict[str, str] = {stream_name(topic): ">" for topic in self._topics}
        reply = await self._redis.xreadgroup(
            self._group,
            self._name,
            streams,  # type: ignore[arg-type]  # declared as an invariant dict
            count=self._batch_size,
            block=max(1, int(block_seconds * 1000)),
        )
        entries = [
            Entry(stream.decode().removeprefix("events:"), entry_id, fields.get(ENTRY_FIELD, b""))
            for stream, found in reply
            for entry_id, fields in found
        ]
        await self._process(entries)
        return len(entries)

    async def claim(self) -> int:
        """Handle entries that failed or whose reader died; give up those tried too often.

        Returns:
            How many there were.
        """
        claimed = 0
        for topic in self._topics:
            entries = await self._claim(topic)
            claimed += len(entries)
            worn_out = [one for one in entries if one.deliveries > self._max_deliveries]
            if worn_out:
                # It was never acknowledged nor seen to fail: it may be what kills its readers.
                # One at a time, since its neighbours were only near.
                entries.remove(worn_out[0])
                await self._bury(worn_out[0], reason="its readers died")
            for entry in entries:
                await self._process([entry])
        return claimed

    async def _has_database(self) -> bool:
        # In an outage every reader sits on its batch. Those without one must not take it over in
        # turn: each delivery counts, and the sixth would bury what nobody could have handled.
        try:
            await self._database.ping()
        except DatabaseUnavailable:
            return False
        return True

    async def _claim(self, topic: str) -> list[Entry]:
        key = stream_name(topic)
        _, found, *_ = await self._redis.xautoclaim(
            key,
            self._group,
            self._name,
            min_idle_time=int(self._claim_idle_seconds * 1000),
            count=self._batch_size,
        )
        if not found:
            return []
        pending = await self._redis.xpending_range(
            key,
            self._group,
            min=found[0][0],
            max=found[-1][0],
            count=self._batch_size * 2,
            consumername=self._name,
        )
        deliveries = {one["message_id"]: int(one["times_delivered"]) for one in pending}
        return [
            Entry(topic, entry_id, fields.get(ENTRY_FIELD, b""), deliveries.get(entry_id, 1))
            for entry_id, fields in found
        ]

    async def forget_dead_consumers(self) -> None:
        """Remove names of processes that are gone and left nothing behind."""
        for topic in self._topics:
            for one in await self._redis.xinfo_consumers(stream_name(topic), self._group):
                gone = one["idle"] > FORGET_CONSUMER_SECONDS * 1000 and not one["pending"]
                if gone and one["name"] != self._name.encode():
                    await self._redis.xgroup_delconsumer(
                        stream_name(topic), self._group, one["name"]
                    )

    async def _process(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        done: list[Entry] = []
        failed: list[tuple[Entry, BaseException]] = []
        by_tenant: defaultdict[UUID, list[tuple[Entry, Delivered]]] = defaultdict(list)
        for entry in entries:
            try:
                delivered = self._open(entry)
            except ValueError as malformed:
                failed.append((entry, malformed))
                continue
            if delivered is None:
                done.append(entry)
            else:
                by_tenant[delivered.envelope.tenant_id].append((entry, delivered))
        async with self._holding(entries):
            for tenant_id, batch in by_tenant.items():
                failures = await self._deliver(tenant_id, batch)
                failed += failures
                lost = {id(entry) for entry, _ in failures}
                done += [entry for entry, _ in batch if id(entry) not in lost]
        await self._acknowledge(done)
        for entry, error in failed:
            await self._failed(entry, error)

    @asynccontextmanager
    async def _holding(self, entries: Sequence[Entry]) -> AsyncIterator[None]:
        """Keep entries from looking abandoned, and being delivered again, while they are handled.

        Claiming one's own entries anew makes them young; just by id, it counts as no delivery.
        """

        async def hold() -> None:
            while True:
                await asyncio.sleep(max(self._claim_idle_seconds / 3, INTERVAL_SECONDS))
                for topic, ids in _ids_by_topic(entries).items():
                    with suppress(RedisError, OSError):
                        await self._redis.xclaim(
                            stream_name(topic),
                            self._group,
                            self._name,
                            min_idle_time=0,
                            message_ids=list(ids),
                            justid=True,
                        )

        async with running(hold(), name="holding"):
            yield

    async def _deliver(
        self, tenant_id: UUID, batch: Sequence[tuple[Entry, Delivered]]
    ) -> list[tuple[Entry, BaseException]]:
        """Handle a tenant's events together, or else one by one; return those that failed."""
        delivered = [one for _, one in batch]
        error = await self._attempt(tenant_id, delivered)
        if error is None:
            for entry, _ in batch:
                _CONSUMED.labels(entry.topic, "handled").inc()
            return []
        if len(batch) == 1:
            return [(batch[0][0], error)]
        return [failure for one in batch for failure in await self._deliver(tenant_id, [one])]

    async def _attempt(self, tenant_id: UUID, batch: Sequence[Delivered]) -> BaseException | None:
        while True:
            try:
                async with asyncio.timeout(self._handler_timeout_seconds * len(batch)):
                    await self._delivery.deliver(tenant_id, batch)
            except DatabaseUnavailable:
                # The events are not at fault: trying them again must not count.
                log.warning("consumer_waits", reason="DatabaseUnavailable")
                await asyncio.sleep(RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - logged and counted where it ends
                return error
            else:
                return None

    def _open(self, entry: Entry) -> Delivered | None:
        envelope = EventEnvelope.from_json(entry.data)
        kind = self._kinds.get(envelope.name)
        if kind is None:
            return None
        event = kind.model_validate(envelope.payload)
        return Delivered(event, envelope)

    async def _acknowledge(self, entries: Iterable[Entry]) -> None:
        for topic, ids in _ids_by_topic(entries).items():
            await self._redis.xack(stream_name(topic), self._group, *ids)

    async def _failed(self, entry: Entry, error: BaseException) -> None:
        reason = _place_of(error)
        log.warning(
            "event_failed",
            topic=entry.topic,
            entry=entry.id.decode(),
            deliveries=entry.deliveries,
            reason=reason,
            exc_info=None if isinstance(error, MalformedEvent) else error,
        )
        _CONSUMED.labels(entry.topic, "failed").inc()
        if entry.deliveries >= self._max_deliveries:
            await self._bury(entry, reason=reason)

    async def _bury(self, entry: Entry, *, reason: str) -> None:
        log.error("event_buried", topic=entry.topic, entry=entry.id.decode(), reason=reason)
        _CONSUMED.labels(entry.topic, "buried").inc()
        await bury(
            self._redis,
            topic=entry.topic,
            group=self._group,
            entry_id=entry.id,
            data=entry.data,
            deliveries=entry.deliveries,
            reason=reason,
        )


def _ids_by_topic(entries: Iterable[Entry]) -> dict[str, list[bytes]]:
    by_topic: defaultdict[str, list[bytes]] = defaultdict(list)
    for entry in entries:
        by_topic[entry.topic].append(entry.id)
    return by_topic


def _place_of(error: BaseException) -> str:
    """Name an error by its kind and the line that raised it, without its words."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return type(error).__name__
    module = traceback.tb_frame.f_globals.get("__name__", "?")
    return f"{type(error).__name__} at {module}:{traceback.tb_lineno}"
