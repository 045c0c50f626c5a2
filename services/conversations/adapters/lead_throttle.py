"""How much strangers may do, over all addresses that they come from."""

from typing import Final
from uuid import UUID

from redis.asyncio import Redis

from libs.common.errors import RateLimited
from libs.common.rate_limits import Rate, RateLimiter

# A page that goes round the world has so many visitors; a script that fills the table has more.
PER_AGENT: Final = Rate(300, 60)
# Anybody can register anybody's address, and ask for links to it from many places.
PER_MAILBOX: Final = Rate(5, 3600)


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
        await self._count(f"{tenant_id}:limit:lead:{agent_id}", self._rate)

    async def check_address(self, tenant_id: UUID, index: bytes) -> None:
        """Count one mail to an address.

        Raises:
            RateLimited: It was sent enough within the hour.
        """
        await self._count(f"{tenant_id}:limit:lead-link:{index.hex()}", PER_MAILBOX)

    async def _count(self, key: str, rate: Rate) -> None:
        decision = await self._limiter.check(key, rate)
        if not decision.allowed:
            raise RateLimited(retry_after_seconds=decision.retry_after_seconds)
