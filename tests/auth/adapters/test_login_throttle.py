"""Login attempts are bounded in three ways, with Redis and without."""

import asyncio

import pytest
from redis.asyncio import Redis

from libs.common.rate_limits import Rate, RateLimiter
from services.auth.adapters.login_throttle import (
    PER_ACCOUNT,
    PER_ADDRESS,
    RedisLoginThrottle,
)
from services.auth.domain.errors import TooManyAttempts

RATE = Rate(5, 60)


async def attempts_let_through(
    throttle: RedisLoginThrottle, attempts: list[tuple[str, str]]
) -> int:
    """Make attempts (account, address) at once and count those that may go on."""
    results = await asyncio.gather(
        *(throttle.check(email_key=account, address=address) for account, address in attempts),
        return_exceptions=True,
    )
    assert all(result is None or isinstance(result, TooManyAttempts) for result in results)
    return results.count(None)


@pytest.fixture
def throttle(redis: Redis) -> RedisLoginThrottle:
    """Five a minute."""
    return RedisLoginThrottle(RateLimiter(redis), RATE)


async def test_one_account_from_one_address(throttle: RedisLoginThrottle) -> None:
    assert await attempts_let_through(throttle, [("ada", "192.0.2.1")] * 50) == 5


async def test_one_account_from_many_addresses(throttle: RedisLoginThrottle) -> None:
    attempts = [("ada", f"192.0.2.{i}") for i in range(50)]

    assert await attempts_let_through(throttle, attempts) == 5 * PER_ACCOUNT


async def test_many_accounts_from_one_address(throttle: RedisLoginThrottle) -> None:
    attempts = [(f"user-{i}", "192.0.2.1") for i in range(80)]

    assert await attempts_let_through(throttle, attempts) == 5 * PER_ADDRESS


async def test_replicas_share_a_budget(redis: Redis) -> None:
    replicas = [RedisLoginThrottle(RateLimiter(redis), RATE) for _ in range(3)]

    through = [await attempts_let_through(one, [("ada", "192.0.2.1")] * 5) for one in replicas]

    assert sum(through) == 5


async def test_losing_redis_opens_no_new_budget(throttle: RedisLoginThrottle, redis: Redis) -> None:
    assert await attempts_let_through(throttle, [("ada", "192.0.2.1")] * 3) == 3
    # As after a flush or an empty restart.
    await redis.flushdb()

    assert await attempts_let_through(throttle, [("ada", "192.0.2.1")] * 10) == 2


async def test_redis_learns_no_addresses(throttle: RedisLoginThrottle, redis: Redis) -> None:
    await throttle.check(email_key="ada@acme.test", address="192.0.2.1")

    keys = b" ".join(await redis.keys("*"))
    assert b"ada" not in keys
    assert b"platform:" in keys
