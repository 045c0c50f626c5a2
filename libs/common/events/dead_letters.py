"""Events that a consumer could not handle: kept where an operator can see and replay them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from libs.common.events.envelope import EventEnvelope, MalformedEvent
from libs.common.events.streams import ENTRY_FIELD, dead_stream_name, stream_name

MAX_PAGE: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that was given up.

    Attributes:
        id: Of the dead letter, to replay or drop it by.
        group: The service that could not handle it.
        entry_id: Its place in the topic's stream.
        deliveries: How often it was tried.
        reason: The kind of error, and where it was raised; never its words, which may hold data.
        data: The entry as it was.
    """

    id: str
    topic: str
    group: str
    entry_id: str
    deliveries: int
    reason: str
    data: bytes

    @property
    def envelope(self) -> EventEnvelope | None:
        """The event; None when the entry is none."""
        try:
            return EventEnvelope.from_json(self.data)
        except MalformedEvent:
            return None


async def bury(
    redis: Redis,
    *,
    topic: str,
    group: str,
    entry_id: bytes,
    data: bytes,
    deliveries: int,
    reason: str,
) -> None:
    """Move an entry to the topic's dead letters: it is acknowledged in the same step."""
    letter: dict[str | bytes, str | bytes | int] = {
        ENTRY_FIELD: data,
        "group": group,
        "entry": entry_id,
        "deliveries": deliveries,
        "reason": reason,
    }
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.xadd(dead_stream_name(topic), letter)  # type: ignore[arg-type]  # invariant dict
        pipeline.xack(stream_name(topic), group, entry_id)
        await pipeline.execute()


async def list_dead_letters(
    redis: Redis, topic: str, *, after: str = "-", limit: int = 100
) -> list[DeadLetter]:
    """Return a topic's dead letters, oldest first.

    Args:
        redis: Where the streams are.
        topic: As in `documents`.
        after: The id of the last one seen.
        limit: At most `MAX_PAGE`.
    """
    begin = after if after == "-" else f"({after}"
    entries = await redis.xrange(dead_stream_name(topic), min=begin, count=min(limit, MAX_PAGE))
    return [_read(topic, entry_id, fields) for entry_id, fields in entries]


async def replay_dead_letters(redis: Redis, topic: str, ids: Sequence[str]) -> int:
    """Put dead letters back on their stream, for all groups: who handled one will skip it.

    Returns:
        How many there were.
    """
    replayed = 0
    for letter_id in ids:
        found = await redis.xrange(dead_stream_name(topic), min=letter_id, max=letter_id)
        for _, fields in found:
            async with redis.pipeline(transaction=True) as pipeline:
                pipeline.xadd(stream_name(topic), {ENTRY_FIELD: fields[ENTRY_FIELD]})
                pipeline.xdel(dead_stream_name(topic), letter_id)
                await pipeline.execute()
            replayed += 1
    return replayed


async def drop_dead_letters(redis: Redis, topic: str, ids: Sequence[str]) -> int:
    """Forget dead letters for good; return how many there were."""
    return int(await redis.xdel(dead_stream_name(topic), *ids)) if ids else 0


def _read(topic: str, entry_id: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    return DeadLetter(
        id=entry_id.decode(),
        topic=topic,
        group=fields[b"group"].decode(),
        entry_id=fields[b"entry"].decode(),
        deliveries=int(fields[b"deliveries"]),
        reason=fields[b"reason"].decode(),
        data=fields[ENTRY_FIELD],
    )
