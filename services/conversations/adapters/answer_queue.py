"""The `answers` stream: how a question reaches a worker within a millisecond.

PostgreSQL knows what is queued; an entry says where to look now, and lets the worker look things up
while it asks for the answer. So entries are not acknowledged (a worker that dies has the answer's
lease run out), the stream is capped, and losing it, or the whole of Redis, costs a second's delay.
What was read is removed within seconds, since questions are people's.
"""

import asyncio
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from redis.typing import EncodableT

from libs.common.telemetry import get_logger
from services.conversations.domain.answers import AnnouncedAnswer, AskedQuestion

log = get_logger(__name__)

STREAM: Final = "answers"
GROUP: Final = "conversations"
_MAX_ENTRIES: Final = 10_000
_SEND_TIMEOUT_SECONDS: Final = 2.0
_BLOCK_MS: Final = 2_000
_GRACE_SECONDS: Final = 2.0
# A longer question is read from the database.
_MAX_QUESTION_CHARACTERS: Final = 4_000


class RedisAnswerQueue:
    """Announces queued answers, and hears of them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[dict[str, str]] = []
        self._sender: asyncio.Task[None] | None = None

    def put(
        self, question: AskedQuestion, text: str, *, traceparent: str | None, early: bool = False
    ) -> None:
        """Announce a queued answer; never fails, since workers look into PostgreSQL too.

        It returns at once: who asks need not wait for Redis, and what is asked while an
        announcement is under way goes with the next.
        """
        self._waiting.append(
            {
                "tenant_id": str(question.tenant_id),
                "answer_id": str(question.answer_id),
                "traceparent": traceparent or "",
                **(
                    {"agent_id": str(question.agent_id), "question": text}
                    if len(text) <= _MAX_QUESTION_CHARACTERS
                    else {}
                ),
                **({"early": "1"} if early else {}),
            }
        )
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())

    async def aclose(self) -> None:
        """Send what is still to be announced."""
        if self._sender is not None:
            await self._sender

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
                    if len(batch) == 1:
                        await self._redis.xadd(STREAM, _fields(batch[0]), maxlen=_MAX_ENTRIES)
                        continue
                    pipeline = self._redis.pipeline(transaction=False)
                    for entry in batch:
                        pipeline.xadd(STREAM, _fields(entry), maxlen=_MAX_ENTRIES)
                    await pipeline.execute()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("answers_not_announced", error=repr(error), count=len(batch))

    async def get(self, consumer: str, *, count: int) -> list[AnnouncedAnswer]:
        """Wait up to two seconds for announcements.

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

    async def trim(self) -> None:
        """Remove what has been read.

        Raises:
            RedisError: Redis is out of reach; also OSError and TimeoutError.
        """
        async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
            try:
                groups = await self._redis.xinfo_groups(STREAM)
            except ResponseError:
                return  # there is no stream
            read = next((one["last-delivered-id"] for one in groups), None)
            if read is not None:
                time_ms, _, sequence = read.decode().partition("-")
                following = f"{time_ms}-{int(sequence) + 1}"
                await self._redis.xtrim(STREAM, minid=following, approximate=False)

    async def _make_group(self) -> None:
        try:
            await self._redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def forget(self, consumer: str) -> None:
        """Take a consumer that stops out of the group."""
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
                await self._redis.xgroup_delconsumer(STREAM, GROUP, consumer)
        except (RedisError, OSError, TimeoutError):
            log.debug("consumer_not_removed", consumer=consumer)


def _fields(entry: dict[str, str]) -> dict[EncodableT, EncodableT]:
    """Return an entry's fields as the driver wants its dictionaries typed."""
    return dict(entry.items())


def _parsed(entries: Iterable[tuple[bytes, dict[bytes, bytes]]]) -> list[AnnouncedAnswer]:
    found = []
    for _, fields in entries:
        try:
            agent = fields.get(b"agent_id")
            announced = AnnouncedAnswer(
                tenant_id=UUID(fields[b"tenant_id"].decode()),
                answer_id=UUID(fields[b"answer_id"].decode()),
                agent_id=UUID(agent.decode()) if agent else None,
                question=fields.get(b"question", b"").decode(),
                traceparent=fields.get(b"traceparent", b"").decode() or None,
                early=b"early" in fields,
            )
        except (KeyError, ValueError, AttributeError):
            log.warning("answer_entry_unreadable")
            continue
        found.append(announced)
    return found
