"""How many strangers may register with one agent, over all addresses that they come from."""

from typing import Final
from uuid import UUID

from redis.asyncio import Redis

from libs.common.errors import RateLimited
from libs.common.rate_limits import Rate, RateLimiter

# A page that goes round the world has so many visitors; a script that fills the table has more.
PER_AGENT: Final = Rate(300, 60)


class RedisLeadThrottle:
    """Counts in Redis, over all replicas."""

    def __init__(self, redis: Redis, *, rate: Rate = PER_AGENT) -> None:
        self._limiter = RateLimiter(redis)
        self._rate = rate

    async def check(self, tenant_id: UUID, agent_id: UUID) -> None:
        """Count one registration.

        Raises:
            RateLimited: There were too many within the minute.
        """
        decision = await self._limiter.check(f"{tenant_id}:limit:lead:{agent_id}", self._rate)
        if not decision.allowed:
            raise RateLimited(retry_after_seconds=decision.retry_after_seconds)
