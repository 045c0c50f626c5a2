"""The `answers` stream: how a question reaches a worker within a millisecond.

PostgreSQL knows what is queued; an entry only says where to look now. So entries are not
acknowledged (a worker that dies has the answer's lease run out), the stream is capped, and losing
it, or the whole of Redis, costs a second's delay.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from libs.common.telemetry import get_logger
from services.conversations.domain.answers import AskedQuestion

log = get_logger(__name__)

STREAM: Final = "answers"
GROUP: Final = "conversations"
_MAX_ENTRIES: Final = 10_000
_PUT_TIMEOUT_SECONDS: Final = 0.5
_REST_SECONDS: Final = 1.0
_BLOCK_MS: Final = 2_000
_GRACE_SECONDS: Final = 2.0


class RedisAnswerQueue:
    """Announces queued answers, and hears of them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._rest_until = 0.0

    async def put(self, question: AskedQuestion, *, traceparent: str | None) -> None:
        """Announce a queued answer; never fails, since workers look into PostgreSQL too."""
        if time.monotonic() < self._rest_until:
            return
        try:
            async with asyncio.timeout(_PUT_TIMEOUT_SECONDS):
                await self._redis.xadd(
                    STREAM,
                    {
                        "tenant_id": str(question.tenant_id),
                        "answer_id": str(question.answer_id),
                        "traceparent": traceparent or "",
                    },
                    maxlen=_MAX_ENTRIES,
                )
        except (RedisError, OSError, TimeoutError) as error:
            # Askers should not wait for a Redis that is down, each for itself.
            self._rest_until = time.monotonic() + _REST_SECONDS
            log.warning("answer_not_announced", error=repr(error))

    async def get(self, consumer: str, *, count: int) -> list[tuple[UUID, UUID]]:
        """Wait up to two seconds for announcements; (tenant, answer) of each.

        Raises:
            RedisError: Redis is out of reach; also OSError and TimeoutError.
        """
        try:
            async with asyncio.timeout(_BLOCK_MS / 1000 + _GRACE_SECONDS):
                reply = await self._redis.xreadgroup(
                    GROUP, consumer, {STREAM: ">"}, count=count, block=_BLOCK_MS, noack=True
                )
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            # The first start, or Redis came back empty.
            await self._make_group()
            return []
        return [entry for _, entries in reply or () for entry in _parsed(entries)]

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def forget(self, consumer: str) -> None:
        """Take a consumer that stops out of the group."""
        try:
            async with asyncio.timeout(_PUT_TIMEOUT_SECONDS):
                await self._redis.xgroup_delconsumer(STREAM, GROUP, consumer)
        except (RedisError, OSError, TimeoutError):
            log.debug("consumer_not_removed", consumer=consumer)


def _parsed(entries: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> list[tuple[UUID, UUID]]:
    found = []
    for _, fields in entries:
        try:
            tenant = UUID(fields[b"tenant_id"].decode())
            answer = UUID(fields[b"answer_id"].decode())
        except (KeyError, ValueError, AttributeError):
            log.warning("answer_entry_unreadable")
            continue
        found.append((tenant, answer))
    return found
