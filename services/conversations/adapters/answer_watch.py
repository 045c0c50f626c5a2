"""Following the feeds of answers over the process's one subscribing connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from services.conversations.adapters.answer_feed import feed_key, unpack
from services.conversations.adapters.redis_channels import Listener, RedisChannels
from services.conversations.domain.frames import Frame

# A client that reads more slowly than this much piles up gets the rest from history.
_MAX_WAITING_FRAMES: Final = 256


class AnswerSubscription:
    """Frames of one answer as they come in, for one follower."""

    def __init__(self, channels: RedisChannels) -> None:
        self._channels = channels
        self._waiting: list[Frame] = []
        self._missed = False
        self._wake: asyncio.Future[None] | None = None

    @property
    def live(self) -> bool:
        """False while the connection to Redis is down."""
        return self._channels.live

    def heard(self, payload: bytes) -> None:
        """Take a message of the channel."""
        if len(self._waiting) >= _MAX_WAITING_FRAMES:
            self._waiting.clear()
            self._missed = True
        self._waiting.append(unpack(payload))
        self._notify()

    def missed(self) -> None:
        """Note that messages may have been missed."""
        self._missed = True
        self._notify()

    async def next(self, *, timeout_seconds: float) -> list[Frame] | None:
        """Wait for frames; an empty list on a time-out, None when some may have been missed."""
        if not self._waiting and not self._missed:
            loop = asyncio.get_running_loop()
            self._wake = loop.create_future()
            timer = loop.call_later(timeout_seconds, self._notify)
            try:
                await self._wake
            finally:
                timer.cancel()
                self._wake = None
        if self._missed:
            self._missed = False
            self._waiting.clear()
            return None
        frames, self._waiting = self._waiting, []
        return frames

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class RedisAnswerWatch:
    """Subscriptions to answers."""

    def __init__(self, channels: RedisChannels) -> None:
        self._channels = channels

    @asynccontextmanager
    async def follow(self, tenant_id: UUID, answer_id: UUID) -> AsyncIterator[AnswerSubscription]:
        """Subscribe to an answer; from then on no frame is missed without being told."""
        channel = feed_key(tenant_id, answer_id)
        subscription = AnswerSubscription(self._channels)
        listener = Listener(subscription.heard, subscription.missed)
        await self._channels.subscribe(channel, listener)
        try:
            yield subscription
        finally:
            self._channels.unsubscribe(channel, listener)
