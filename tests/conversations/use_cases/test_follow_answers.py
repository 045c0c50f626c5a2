"""What a follower sees of one answer when Redis has lost a part of its feed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import pytest

from libs.common.ids import new_id
from services.conversations.adapters.recent_conversations import RecentConversations
from services.conversations.domain.answers import AnswerKind, AnswerState, AnswerStatus
from services.conversations.domain.frames import LAST_SEQUENCE, START, Frame, Position
from services.conversations.domain.ports import AnswerFeeds, AnswerWatch
from services.conversations.repositories.answers import AnswerStore
from services.conversations.use_cases.follow_answers import FollowAnswers


def piece(attempt: int, sequence: int) -> Frame:
    last = sequence == LAST_SEQUENCE
    return Frame(Position(attempt, sequence), last=last, body=f"{attempt}:{sequence}".encode())


END = piece(1, LAST_SEQUENCE)


class Feed:
    """A feed, and what comes in live; None stands for a connection that was down."""

    live = True

    def __init__(self, history: Sequence[Frame], *batches: Sequence[Frame] | None) -> None:
        self.kept = list(history)
        self.batches = list(batches)

    async def history(self, tenant_id: UUID, answer_id: UUID, *, after: Position) -> list[Frame]:
        return [frame for frame in self.kept if after.is_before(frame.position)]

    @asynccontextmanager
    async def follow(self, tenant_id: UUID, answer_id: UUID) -> AsyncIterator["Feed"]:
        yield self

    async def next(self, *, timeout_seconds: float) -> list[Frame] | None:
        batch = self.batches.pop(0)
        self.kept += batch or []
        return None if batch is None else list(batch)


class Store:
    """Says that the answer is still being made."""

    async def status(self, tenant_id: UUID, answer_id: UUID) -> AnswerStatus:
        return RUNNING


RUNNING = AnswerStatus(
    answer_id=new_id(),
    task_id=new_id(),
    tenant_id=new_id(),
    conversation_id=new_id(),
    message_id=new_id(),
    answer_message_id=None,
    state=AnswerState.RUNNING,
    attempt=1,
    kind=AnswerKind.CHAT,
    error=None,
    error_code=None,
    queued_at=datetime.now(UTC),
    completed_at=None,
)


async def seen(feed: Feed, *, status: AnswerStatus = RUNNING, after: Position = START) -> list[str]:
    follow = FollowAnswers(
        store=cast("AnswerStore", Store()),
        feeds=cast("AnswerFeeds", feed),
        watch=cast("AnswerWatch", feed),
        recent=RecentConversations(),
        draining=asyncio.Event(),
    )
    resumed = after != START or status.state is AnswerState.QUEUED
    batches = follow.one(status, after=after, resumed=resumed)
    return [frame.body.decode() async for frames in batches for frame in frames or ()]


class TestOne:
    async def test_shows_everything_once(self) -> None:
        feed = Feed([piece(1, 1), piece(1, 2)], [piece(1, 2), piece(1, 3)], [END])

        assert await seen(feed) == ["1:1", "1:2", "1:3", "1:1000000"]

    async def test_fills_a_gap_from_history(self) -> None:
        feed = Feed([piece(1, 1), piece(1, 2)], None, [END])

        assert await seen(feed, after=Position(1, 1)) == ["1:2", "1:1000000"]

    @pytest.mark.parametrize("kept", [[piece(1, 1)], []])
    async def test_shows_no_text_behind_a_hole(self, kept: list[Frame]) -> None:
        feed = Feed(kept, None, [piece(1, 5)], [piece(1, 6)], [END])

        assert await seen(feed) == [*(frame.body.decode() for frame in kept), "1:1000000"]

    async def test_goes_on_with_the_next_attempt(self) -> None:
        feed = Feed([piece(1, 1)], [piece(1, 4)], [piece(2, 1), piece(2, 2)], [END])
        feed.batches[-1] = [piece(2, LAST_SEQUENCE)]

        assert await seen(feed) == ["1:1", "2:1", "2:2", "2:1000000"]

    async def test_does_not_say_queued_again(self) -> None:
        queued = replace(RUNNING, state=AnswerState.QUEUED)

        assert await seen(Feed([], [piece(1, 1)], [END]), status=queued) == ["1:1", "1:1000000"]
