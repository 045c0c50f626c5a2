"""Following answers as they come in: for streams, and for those who wait for the whole.

Where the frames come from changes under way (the feed's history, the live channel, PostgreSQL
once the feed has expired or Redis is down); who follows does not notice.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.conversations.domain.answers import AnswerState, AnswerStatus
from services.conversations.domain.errors import ConversationNotFound
from services.conversations.domain.frames import (
    LAST_SEQUENCE,
    START,
    Frame,
    Position,
    ResumePoint,
    frames_of,
)
from services.conversations.domain.ports import AnswerFeeds, AnswerWatch, Recent, Subscription
from services.conversations.repositories.answers import AnswerStore

HEARTBEAT_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True, kw_only=True)
class FollowAnswers:
    """Follow a conversation's answers, from where a client left off."""

    store: AnswerStore
    feeds: AnswerFeeds
    watch: AnswerWatch
    recent: Recent
    draining: asyncio.Event
    heartbeat_seconds: float = HEARTBEAT_SECONDS

    async def __call__(
        self,
        tenant_id: UUID,
        conversation_id: UUID,
        *,
        entity_id: UUID | None,
        resume: ResumePoint | None,
    ) -> AsyncIterator[list[Frame] | None] | None:
        """Return the frames to send, in batches; None when there is nothing more to come.

        A new follower gets the latest exchange again and all that is pending. The frames end once
        nothing is pending. None between batches means that nothing came for a while: it is time
        for a heartbeat.

        Raises:
            ConversationNotFound: Or it is deleted, or somebody else's.
        """
        if resume is None:
            asked = self.recent.just_asked(tenant_id, conversation_id, entity_id)
            if asked is not None:
                return self._all(tenant_id, conversation_id, [asked], None)
        known = await self.store.latest(
            tenant_id,
            conversation_id,
            entity_id=entity_id,
            since=resume.answer_id if resume is not None else None,
        )
        if known is None:
            raise ConversationNotFound
        wanted = _wanted(known, resume)
        if not wanted and resume is not None and known:
            return None
        return self._all(tenant_id, conversation_id, wanted, resume)

    async def one(
        self, status: AnswerStatus, *, after: Position = START, resumed: bool = False
    ) -> AsyncIterator[list[Frame] | None]:
        """Follow a single answer to its end.

        Args:
            status: The answer.
            after: The last that was seen of it.
            resumed: Whether any of it was, and be it that it is queued.
        """
        if not status.state.pending:
            yield await self._replay(status, after)
            return
        if status.state is AnswerState.QUEUED and not resumed:
            yield [Frame(START, last=False, body=frames_of(status).status("queued", START))]
        async with self.watch.follow(status.tenant_id, status.answer_id) as subscription:
            async for frames in self._live(status, subscription, after):
                yield frames

    async def _all(
        self,
        tenant_id: UUID,
        conversation_id: UUID,
        wanted: Sequence[AnswerStatus],
        resume: ResumePoint | None,
    ) -> AsyncIterator[list[Frame] | None]:
        while wanted and not self.draining.is_set():
            look_on = False
            for status in wanted:
                resumes = resume is not None and resume.answer_id == status.answer_id
                after = resume.position if resume is not None and resumes else START
                async for frames in self.one(status, after=after, resumed=resumes):
                    yield frames
                    if frames and status.state.pending:
                        look_on = frames[-1].others_pending
            if not look_on:
                return
            # While these came in, more may have been asked.
            latest = await self.store.latest(
                tenant_id, conversation_id, entity_id=None, since=wanted[-1].answer_id
            )
            wanted = [s for s in latest or () if s.answer_id > wanted[-1].answer_id]

    async def _live(
        self, status: AnswerStatus, subscription: Subscription, after: Position
    ) -> AsyncIterator[list[Frame] | None]:
        frames: list[Frame] | None = None
        check = not subscription.live
        silent_since = time.monotonic()
        while True:
            fresh = _following(frames, after)
            if fresh is None:
                # At the start, or something was or may have been missed.
                history = await self.feeds.history(status.tenant_id, status.answer_id, after=after)
                fresh = _unbroken(history, after)
            if fresh:
                after = fresh[-1].position
                silent_since = time.monotonic()
                yield fresh
                if fresh[-1].last:
                    return
            elif check:
                current = await self.store.status(status.tenant_id, status.answer_id)
                if current is None:
                    return
                if not current.state.pending:
                    yield await self._replay(current, after)
                    return
            if self.draining.is_set():
                return
            pause = self.heartbeat_seconds if subscription.live else _POLL_SECONDS
            frames = await subscription.next(timeout_seconds=pause)
            check = not frames
            if time.monotonic() - silent_since >= self.heartbeat_seconds * 0.9:
                silent_since = time.monotonic()
                yield None

    async def _replay(self, status: AnswerStatus, after: Position) -> list[Frame]:
        """Return what is left of a finished answer, without the text of abandoned attempts."""
        if not after.is_before(Position(status.attempt, LAST_SEQUENCE)):
            return []
        history = await self.feeds.history(status.tenant_id, status.answer_id, after=after)
        if history and history[-1].last:
            attempt = history[-1].position.attempt
            return _unbroken([f for f in history if f.position.attempt == attempt], after)
        return [await self._last_frame(status)]

    async def _last_frame(self, status: AnswerStatus) -> Frame:
        """Make the frame that ends an answer anew, from the database."""
        position = Position(status.attempt, LAST_SEQUENCE)
        frames = frames_of(status)
        message = None
        if status.answer_message_id is not None:
            message = await self.store.message(status.tenant_id, status.answer_message_id)
        if message is not None:
            return Frame(position, last=True, body=frames.completed(message, position))
        error = status.error or "The answer was cancelled."
        code = status.error_code or "answer_cancelled"
        return Frame(position, last=True, body=frames.failed(error, code, position))


def _wanted(known: Sequence[AnswerStatus], resume: ResumePoint | None) -> list[AnswerStatus]:
    """Choose the answers to follow: the latest one and all pending, or those from a point on."""
    if resume is None or all(status.answer_id != resume.answer_id for status in known):
        newest = known[-1:]
        return [status for status in known if status.state.pending or status in newest]
    wanted = [status for status in known if status.answer_id >= resume.answer_id]
    first = wanted[0]
    seen = not resume.position.is_before(Position(first.attempt, LAST_SEQUENCE))
    return wanted[1:] if seen and not first.state.pending else wanted


def _following(frames: Sequence[Frame] | None, after: Position) -> list[Frame] | None:
    """Return the frames that come right after a position; None when one between is missing."""
    if frames is None:
        return None
    fresh = [frame for frame in frames if after.is_before(frame.position)]
    return fresh if len(_unbroken(fresh, after)) == len(fresh) else None


def _unbroken(frames: Sequence[Frame], after: Position) -> list[Frame]:
    """Return the frames that go on without a hole from a position, and the one that ends all.

    A Redis that was killed may have lost the newest pieces. What comes after them would read as
    nonsense; the last frame has the whole text.
    """
    kept: list[Frame] = []
    for frame in frames:
        position = frame.position
        if not after.is_before(position):
            continue
        follows = position.sequence == (
            after.sequence + 1 if position.attempt == after.attempt else 1
        )
        if follows or frame.last:
            kept.append(frame)
            after = position
    return kept
