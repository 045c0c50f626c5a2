"""The feed of an answer in Redis: a capped, expiring stream for history, a channel for the live.

All answers of a process share one writer, which sends what has gathered in one pipeline; while
one is under way the next gathers, so that load makes pipelines longer rather than more. The id of
a stream's entry is attempt and sequence: Redis itself refuses what an outrun attempt still sends.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha1
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError

from libs.common.telemetry import get_logger
from services.conversations.domain.answers import TakenAnswer
from services.conversations.domain.frames import LAST_SEQUENCE, AnswerFrames, Frame, Position

log = get_logger(__name__)

COALESCE_SECONDS: Final = 0.025
EXPIRE_SECONDS: Final = 900
_MAX_ENTRIES: Final = 4_096
_FIELD: Final = b"f"
_SEND_TIMEOUT_SECONDS: Final = 2.0
_READ_TIMEOUT_SECONDS: Final = 1.0
_GOES_ON, _END, _MORE = 0, 1, 2


def feed_key(tenant_id: UUID, answer_id: UUID) -> str:
    """Name the stream of an answer, and its channel."""
    return f"{tenant_id}:answer:{answer_id}"


def pack(frame: Frame) -> bytes:
    """Write a frame as it travels: position and an end mark on a line, then the event."""
    mark = (_MORE if frame.others_pending else _END) if frame.last else _GOES_ON
    head = f"{frame.position.attempt} {frame.position.sequence} {mark}\n"
    return head.encode("ascii") + frame.body


def unpack(payload: bytes) -> Frame:
    """Read what `pack` wrote."""
    head, _, body = payload.partition(b"\n")
    attempt, sequence, mark = (int(number) for number in head.split(b" "))
    return Frame(Position(attempt, sequence), mark != _GOES_ON, body, mark != _END)


# Adds a frame and tells who follows: one command to write, and nobody hears what was refused.
# KEYS: the stream, also the channel. ARGV: id, payload, seconds until it expires (0: as it is).
_SEND: Final = f"""
local added = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', {_MAX_ENTRIES}, ARGV[1], 'f', ARGV[2])
if type(added) == 'table' and added.err and string.find(added.err, 'equal or smaller', 1, true) then
  return 0
end
if ARGV[3] ~= '0' then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1
"""


@dataclass(slots=True)
class _Outgoing:
    key: str
    frame: Frame
    sent: asyncio.Future[None] | None = None


class RedisAnswerFeeds:
    """Writes and reads the feeds of answers."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._outgoing: list[_Outgoing] = []
        self._wake = asyncio.Event()
        self._failing = False
        self._script_sha = sha1(_SEND.encode(), usedforsecurity=False).hexdigest()

    def open(self, answer: TakenAnswer) -> "RedisAnswerFeed":
        """Begin the feed of a new attempt."""
        return RedisAnswerFeed(self, answer)

    async def history(self, tenant_id: UUID, answer_id: UUID, *, after: Position) -> list[Frame]:
        """Return the frames after a position; empty when there are none or Redis is down."""
        minimum = f"({after.attempt}-{after.sequence}"
        try:
            # A Redis that hangs must not hold up who follows, heartbeats included.
            async with asyncio.timeout(_READ_TIMEOUT_SECONDS):
                entries = await self._redis.xrange(feed_key(tenant_id, answer_id), min=minimum)
        except (RedisError, OSError, TimeoutError):
            return []
        return [unpack(fields[_FIELD]) for _, fields in entries]

    def send(self, key: str, frame: Frame, sent: asyncio.Future[None] | None = None) -> None:
        """Hand a frame to the writer; `sent` is done once Redis has it, or could not take it."""
        self._outgoing.append(_Outgoing(key, frame, sent))
        self._wake.set()

    async def end(self, tenant_id: UUID, answer_id: UUID, frame: Frame) -> None:
        """Tell those who follow an answer that nobody is making that it has ended."""
        try:
            async with asyncio.timeout(_READ_TIMEOUT_SECONDS):
                await self._write([_Outgoing(feed_key(tenant_id, answer_id), frame)])
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("answer_feed_unreachable", error=repr(error))

    async def run(self) -> None:
        """Send what gathers, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._outgoing = self._outgoing, []
            try:
                async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
                    await self._write(batch)
                self._failing = False
            except (RedisError, OSError, TimeoutError) as error:
                # The answer goes on: its followers look into PostgreSQL.
                if not self._failing:
                    log.warning("answer_feed_unreachable", error=repr(error))
                self._failing = True
            finally:
                for outgoing in batch:
                    if outgoing.sent is not None and not outgoing.sent.done():
                        outgoing.sent.set_result(None)

    async def _write(self, batch: list[_Outgoing]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for outgoing in batch:
            frame = outgoing.frame
            position = frame.position
            pipeline.execute_command(
                "EVALSHA",
                self._script_sha,
                1,
                outgoing.key,
                f"{position.attempt}-{position.sequence}",
                pack(frame),
                EXPIRE_SECONDS if position.sequence == 1 or frame.last else 0,
            )
        replies = await pipeline.execute(raise_on_error=False)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            # A Redis that has just started knows no scripts; what it took already it refuses.
            await self._redis.script_load(_SEND)
            await self._write(batch)


class RedisAnswerFeed:
    """The feed of one attempt."""

    def __init__(self, feeds: RedisAnswerFeeds, answer: TakenAnswer) -> None:
        self._feeds = feeds
        self._key = feed_key(answer.tenant_id, answer.answer_id)
        self._attempt = answer.attempt
        self._sequence = 0
        self._text: list[str] = []
        self._begins = False
        self._timer: asyncio.TimerHandle | None = None
        self._started = False
        self._frames = AnswerFrames(
            conversation_id=answer.conversation_id,
            message_id=answer.message_id,
            task_id=answer.task_id,
            answer_id=answer.answer_id,
        )

    @property
    def frames(self) -> AnswerFrames:
        """The writer of this answer's frames."""
        return self._frames

    def in_progress(self) -> None:
        """Tell that this attempt begins; followers drop the text of earlier ones."""
        self._begins = True
        self._flush_soon()

    def delta(self, text: str) -> None:
        """Add to the answer's text: the first piece goes at once, later ones in small batches."""
        self._text.append(text)
        if not self._started:
            self._started = True
            self._flush()
        else:
            self._flush_soon()

    def last_position(self) -> Position:
        """Return the position of the frame that ends the answer."""
        return Position(self._attempt, LAST_SEQUENCE)

    async def finish(self, frame: bytes, position: Position, *, others_pending: bool) -> None:
        """Send the frame that ends the answer; returns when Redis has it, or is given up."""
        self._flush()
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._feeds.send(self._key, Frame(position, True, frame, others_pending), sent)
        with suppress(TimeoutError):
            async with asyncio.timeout(_SEND_TIMEOUT_SECONDS * 2):
                await sent

    def _flush_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._begins:
            self._begins = False
            position = self._next_position()
            self._send(self._frames.status("in_progress", position), position)
        if not self._text:
            return
        text = "".join(self._text)
        self._text.clear()
        position = self._next_position()
        self._send(self._frames.delta(text, position), position)

    def _next_position(self) -> Position:
        self._sequence += 1
        return Position(self._attempt, self._sequence)

    def _send(self, body: bytes, position: Position) -> None:
        self._feeds.send(self._key, Frame(position, last=False, body=body))
