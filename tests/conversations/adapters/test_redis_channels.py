"""One connection hears for all, and nothing that comes over it or fails to come ends it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from services.conversations.adapters.answer_feed import RedisAnswerFeeds, feed_key
from services.conversations.adapters.answer_watch import RedisAnswerWatch
from services.conversations.adapters.redis_channels import Listener, RedisChannels
from services.conversations.domain.frames import START, Frame, Position
from tests.conversations.peers import until


@pytest.fixture
async def channels(redis: Redis) -> AsyncIterator[RedisChannels]:
    """The process's subscriptions."""
    made = RedisChannels(redis)
    task = asyncio.create_task(made.run())
    await until(lambda: made.live)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


class TestRedisChannels:
    async def test_what_cannot_be_read_is_told_as_missed(
        self, channels: RedisChannels, redis: Redis
    ) -> None:
        tenant, answer = uuid4(), uuid4()
        async with RedisAnswerWatch(channels).follow(tenant, answer) as subscription:
            await redis.publish(feed_key(tenant, answer), b"no frame")
            assert await subscription.next(timeout_seconds=5) is None

            await redis.publish(feed_key(tenant, answer), b"1 1 0\nhello")

            assert await subscription.next(timeout_seconds=5) == [
                Frame(Position(1, 1), last=False, body=b"hello")
            ]
        assert channels.live

    async def test_goes_on_after_a_listener_broke(
        self, channels: RedisChannels, redis: Redis
    ) -> None:
        heard = []

        def hear(payload: bytes) -> None:
            heard.append(payload)
            if payload == b"bad":
                raise RuntimeError("a fault of ours")

        await channels.subscribe("news", Listener(hear, lambda: None))
        await redis.publish("news", b"bad")

        async with asyncio.timeout(5):
            while b"good" not in heard:
                await redis.publish("news", b"good")
                await asyncio.sleep(0.05)


class TestHistory:
    async def test_does_not_wait_for_a_redis_that_hangs(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def hang(*_args: Any, **_more: Any) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(redis, "xrange", hang)

        async with asyncio.timeout(5):
            assert await RedisAnswerFeeds(redis).history(uuid4(), uuid4(), after=START) == []
