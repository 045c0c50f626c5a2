"""Telling the worker that makes an answer to stop; PostgreSQL has the truth, this is the speed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError

from libs.common.telemetry import get_logger
from services.conversations.adapters.redis_channels import Listener, RedisChannels

log = get_logger(__name__)

CHANNEL: Final = "conversations:cancelled-answers"
_SEND_TIMEOUT_SECONDS: Final = 0.5


class RedisCancellations:
    """A channel that all workers hear."""

    def __init__(self, redis: Redis, channels: RedisChannels) -> None:
        self._redis = redis
        self._channels = channels

    @property
    def live(self) -> bool:
        """Whether what is told is heard."""
        return self._channels.live

    async def tell(self, answer_id: UUID) -> None:
        """Tell the workers; never fails, since they look into PostgreSQL too."""
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_SECONDS):
                await self._redis.publish(CHANNEL, str(answer_id))
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("cancellation_not_told", error=repr(error))

    @asynccontextmanager
    async def heard(
        self, cancelled: Callable[[UUID], None], missed: Callable[[], None]
    ) -> AsyncIterator[None]:
        """Call `cancelled` with each answer; `missed` when some may not have been heard."""

        def heard(payload: bytes) -> None:
            with suppress(ValueError):
                cancelled(UUID(payload.decode("ascii", "replace")))

        listener = Listener(heard, missed)
        await self._channels.subscribe(CHANNEL, listener)
        try:
            yield
        finally:
            self._channels.unsubscribe(CHANNEL, listener)
