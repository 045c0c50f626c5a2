"""The relay: takes what stands unpublished in the outbox and puts it on the topic's stream.

Rows are chosen by a flag, not by "newer than the last": a transaction that commits late would be
skipped. Several relays may run; SKIP LOCKED shares the rows out. One that dies between the stream
and its commit publishes again, and the consumers' inboxes drop the copy.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from libs.common.database import Database, DatabaseUnavailable
from libs.common.database.connection import Connection, Record
from libs.common.events.envelope import event_class
from libs.common.events.streams import ENTRY_FIELD, entry_time_ms, stream_name, trim
from libs.common.telemetry.logging import get_logger
from libs.common.wake import wait_for_nudge

log = get_logger(__name__)

BATCH_SIZE: Final = 500
POLL_SECONDS: Final = 2.0
INTERVAL_SECONDS: Final = 0.1
TRIM_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 5.0
# Redis and PostgreSQL may disagree on the time by so much before we think of losses.
CLOCK_TOLERANCE_MS: Final = 5_000
REPUBLISH_MARGIN_MS: Final = 60_000
TAKE_BACK_BATCH: Final = 5_000

_PUBLISHED: Final = Counter("events_published_total", "Events put on a stream.", ("topic",))

# A bitmap scan would read all that was published since the last vacuum, each time: only a plain
# one remembers which entries of the index are dead.
_IN_ORDER: Final = "SET LOCAL enable_bitmapscan = off"

_TAKE: Final = """
UPDATE outbox SET published_at = now()
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM outbox WHERE published_at IS NULL
    ORDER BY occurred_at LIMIT $1 FOR UPDATE SKIP LOCKED))
RETURNING id, name, version, tenant_id, aggregate_id, aggregate_version, occurred_at,
          traceparent, payload::text AS payload
"""

_TAKE_BACK: Final = """
UPDATE outbox SET published_at = NULL
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM outbox
    WHERE published_at > to_timestamp($1::double precision / 1000) AND published_at <= $2
    LIMIT $3))
"""

_LAST_PUBLISHED: Final = """
SELECT (extract(epoch FROM max(published_at)) * 1000)::bigint FROM outbox
WHERE published_at IS NOT NULL
"""

# Adds entries in one step, unless the stream has gone back in time: then Redis has lost entries
# (a flush, an empty or old restart), which must be published again before anything new.
# KEYS: the stream. ARGV: the time of the last entry we know of, the field, the entries.
_ADD: Final = """
local last = 0
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then last = tonumber(string.match(info[i + 1], '^%d+')) end
  end
end
if last < tonumber(ARGV[1]) then return {last} end
local id = tostring(last) .. '-0'
for i = 3, #ARGV do id = redis.call('XADD', KEYS[1], '*', ARGV[2], ARGV[i]) end
return {last, id}
"""


Hears = Callable[[Connection, Sequence[Record]], Awaitable[None]]
"""Notes events in the transaction that publishes them; may be shown one twice."""


class _EntriesLost(Exception):
    """The stream's last entry is older than one we have put there."""

    def __init__(self, reached_ms: int) -> None:
        self.reached_ms = reached_ms


class Relay:
    """Publishes one service's events.

    Args:
        database: With the worker's role.
        redis: Where the streams are.
        service: Whose outbox; also the topic.
        nudge: Set by whoever knows that there is something to publish; without it the relay
            looks every two seconds.
        topics: All streams that this service trims: its own, and others that its events go to.
        hears: Is shown what is published; when it fails, nothing is.
    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        service: str,
        *,
        nudge: asyncio.Event | None = None,
        topics: Sequence[str] = (),
        hears: Hears | None = None,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self._database = database
        self._redis = redis
        self._topic = service
        self._nudge = nudge or asyncio.Event()
        self._topics = {service, *topics}
        self._hears = hears
        self._batch_size = batch_size
        self._add = redis.register_script(_ADD)
        self._last_ms: int | None = None
        self._settled_ms = 0
        self._trimmed_at = float("-inf")
        self._looked_at = 0.0

    async def run(self) -> None:
        """Publish for ever; outages of Redis and PostgreSQL are waited out."""
        while True:
            try:
                started = time.monotonic()
                if await self.publish() == self._batch_size:
                    continue
                if started - self._trimmed_at > TRIM_SECONDS:
                    self._trimmed_at = started
                    await self.trim()
                # One batch for what comes within a moment costs less than one for each.
                await asyncio.sleep(INTERVAL_SECONDS)
            except (RedisError, OSError, DatabaseUnavailable) as error:
                log.warning("relay_waits", reason=type(error).__name__)
                await asyncio.sleep(POLL_SECONDS)
                continue
            await wait_for_nudge(self._nudge, POLL_SECONDS)

    async def publish(self) -> int:
        """Publish one batch.

        Returns:
            How many events it had.
        """
        try:
            async with self._database.lean_cross_tenant() as connection:
                if self._last_ms is None:
                    self._last_ms = await self._expected_last_ms(connection)
                await connection.execute(_IN_ORDER)
                rows = await connection.fetch(_TAKE, self._batch_size)
                if rows or self._time_to_look():
                    rows.sort(key=lambda row: (row["occurred_at"], row["id"]))
                    # First, so that nothing goes out time and again while it fails.
                    if self._hears is not None and rows:
                        await self._hears(connection, rows)
                    await self._put(rows)
        except _EntriesLost as loss:
            await self._take_back(loss.reached_ms)
            return self._batch_size
        if rows:
            _PUBLISHED.labels(self._topic).inc(len(rows))
        return len(rows)

    async def trim(self) -> None:
        """Drop from the streams what every group has acknowledged."""
        for topic in self._topics:
            settled_ms = await trim(self._redis, topic)
            if topic == self._topic:
                self._settled_ms = settled_ms

    async def _put(self, rows: Sequence[Record]) -> None:
        own = [row for row in rows if self._topic_of(row) == self._topic]
        arguments: list[int | bytes] = [self._last_ms or 0, ENTRY_FIELD, *map(_entry, own)]
        reply = await self._add(keys=[stream_name(self._topic)], args=arguments)
        if len(reply) == 1:
            raise _EntriesLost(reply[0])
        self._last_ms = max(self._last_ms or 0, entry_time_ms(reply[1]))
        # Losses are noticed at the topic of its own, and then all is published again.
        for row in rows if len(own) < len(rows) else ():
            topic = self._topic_of(row)
            if topic != self._topic:
                await self._redis.xadd(stream_name(topic), {ENTRY_FIELD: _entry(row)})

    def _topic_of(self, row: Record) -> str:
        """Return where an event goes: to the service's own topic, unless it has another of ours."""
        known = event_class(row["name"])
        return known.topic if known is not None and known.topic in self._topics else self._topic

    async def _take_back(self, reached_ms: int) -> None:
        """Mark as unpublished what Redis has lost, as far as somebody may still need it."""
        since_ms = max(reached_ms, self._settled_ms) - REPUBLISH_MARGIN_MS
        until = datetime.now(UTC) + timedelta(milliseconds=CLOCK_TOLERANCE_MS)
        taken, batch = 0, TAKE_BACK_BATCH
        while batch == TAKE_BACK_BATCH:
            async with self._database.lean_cross_tenant() as connection:
                done = await connection.execute(
                    _TAKE_BACK, max(since_ms, 0), until, TAKE_BACK_BATCH
                )
            batch = int(done.split()[-1])
            taken += batch
        log.warning("stream_lost_entries", topic=self._topic, republishing=taken)
        self._last_ms = 0

    async def _expected_last_ms(self, connection: Connection) -> int:
        """Tell from the outbox which time the stream must have reached."""
        published_ms = await connection.fetchval(_LAST_PUBLISHED)
        return max(int(published_ms or 0) - CLOCK_TOLERANCE_MS, 0)

    def _time_to_look(self) -> bool:
        """Whether to ask Redis for losses although there is nothing to publish: now and then."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        return True


def _entry(row: Record) -> bytes:
    fields = dict(row.items())
    fields["payload"] = orjson.Fragment(fields["payload"])
    # asyncpg's ids are a subclass of UUID, which orjson does not know.
    for name in ("id", "tenant_id", "aggregate_id"):
        fields[name] = str(fields[name]) if fields[name] else None
    return orjson.dumps(fields)
