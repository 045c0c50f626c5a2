"""The Redis streams of events: their names, groups, entries and length.

A topic's stream is `events:{topic}`; a group is named after the service that reads. An entry has
one field, which holds the envelope as JSON.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from libs.common.events.envelope import EventEnvelope

ENTRY_FIELD: Final = b"e"
UNREAD_KEPT: Final = timedelta(days=1)
"""How long entries of a topic are kept that no group reads."""


def stream_name(topic: str) -> str:
    """Return the key of a topic's stream."""
    return f"events:{topic}"


def dead_stream_name(topic: str) -> str:
    """Return the key of the stream where a topic's undeliverable events end."""
    return f"events:{topic}:dead"


def entry_time_ms(entry_id: bytes) -> int:
    """Return when an entry was added, in milliseconds since 1970 by Redis' clock."""
    return int(entry_id.partition(b"-")[0])


async def ensure_group(redis: Redis, topic: str, group: str) -> bool:
    """Make a group that reads the topic from its oldest entry.

    Returns:
        True when it is new; False when it existed.
    """
    try:
        await redis.xgroup_create(stream_name(topic), group, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" in str(error):
            return False
        raise
    return True


async def publish_directly(redis: Redis, envelope: EventEnvelope, *, topic: str) -> None:
    """Put an event on its stream without an outbox: it is lost when Redis is away."""
    await redis.xadd(stream_name(topic), {ENTRY_FIELD: envelope.to_json()})


async def trim(redis: Redis, topic: str) -> int:
    """Drop what every group has acknowledged.

    Returns:
        The time in milliseconds up to which nothing is needed any more; 0 while the stream is
        empty or nobody has read from it.
    """
    key = stream_name(topic)
    if not await redis.exists(key):
        return 0
    keep_from: bytes | None = None
    for group in await redis.xinfo_groups(key):
        first_needed = await _first_needed(redis, key, group)
        if keep_from is None or _position(first_needed) < _position(keep_from):
            keep_from = first_needed
    if keep_from is None:
        keep_from = str(int((time.time() - UNREAD_KEPT.total_seconds()) * 1000)).encode()
    await redis.xtrim(key, minid=keep_from, approximate=True)
    return entry_time_ms(keep_from)


async def _first_needed(redis: Redis, key: str, group: dict[str, Any]) -> bytes:
    if group["pending"]:
        summary = await redis.xpending(key, group["name"])
        if summary["min"] is not None:
            return bytes(summary["min"])
    return bytes(group["last-delivered-id"])


def _position(entry_id: bytes) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition(b"-")
    return int(milliseconds), int(sequence or 0)
