"""Attempts are bounded in three ways, with Redis and without."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from libs.common.database import Database
from libs.common.rate_limits import Rate, RateLimiter
from services.auth.adapters.attempt_budgets import AttemptBudgets
from services.auth.adapters.login_throttle import PER_ACCOUNT, PER_ADDRESS, Throttle
from services.auth.domain.errors import TooManyAttempts

RATE = Rate(5, 60)


async def attempts_let_through(throttle: Throttle, attempts: list[tuple[str, str]]) -> int:
    """Make attempts (account, address) at once and count those that may go on."""
    results = await asyncio.gather(
        *(throttle.check(email_key=account, address=address) for account, address in attempts),
        return_exceptions=True,
    )
    assert all(result is None or isinstance(result, TooManyAttempts) for result in results)
    return results.count(None)


@pytest.fixture
async def no_redis(unused_tcp_port: int) -> AsyncIterator[Redis]:
    """A Redis that is not there."""
    client: Redis = Redis.from_url(f"redis://127.0.0.1:{unused_tcp_port}")
    yield client
    await client.aclose()


@pytest.fixture(params=["redis", "postgresql"])
def counting(request: pytest.FixtureRequest, redis: Redis, no_redis: Redis) -> Redis:
    """The Redis of each replica, there or away."""
    return redis if request.param == "redis" else no_redis


@pytest.fixture
def throttle(counting: Redis, database: Database) -> Throttle:
    """Five a minute."""
    return Throttle(AttemptBudgets(RateLimiter(counting), database), RATE)


def addresses(count: int) -> list[str]:
    """Addresses that no other test has tried from."""
    return [f"{uuid4().hex[:8]}:{i}" for i in range(count)]


async def test_one_account_from_one_address(throttle: Throttle) -> None:
    attempts = [(uuid4().hex, addresses(1)[0])] * 50

    assert await attempts_let_through(throttle, attempts) == 5


async def test_one_account_from_many_addresses(throttle: Throttle) -> None:
    account = uuid4().hex
    attempts = [(account, address) for address in addresses(50)]

    assert await attempts_let_through(throttle, attempts) == 5 * PER_ACCOUNT


async def test_many_accounts_from_one_address(throttle: Throttle) -> None:
    address = addresses(1)[0]
    attempts = [(uuid4().hex, address) for _ in range(80)]

    assert await attempts_let_through(throttle, attempts) == 5 * PER_ADDRESS


async def test_replicas_share_a_budget(counting: Redis, database: Database) -> None:
    replicas = [Throttle(AttemptBudgets(RateLimiter(counting), database), RATE) for _ in range(3)]
    attempts = [(uuid4().hex, addresses(1)[0])] * 5

    through = await asyncio.gather(*(attempts_let_through(one, attempts) for one in replicas))

    assert sum(through) == 5


async def test_a_refusal_says_how_long_to_wait(throttle: Throttle) -> None:
    user_id = uuid4()
    for _ in range(10):
        await throttle.check_second_factor(user_id)

    with pytest.raises(TooManyAttempts) as refused:
        await throttle.check_second_factor(user_id)

    # One of ten in a quarter of an hour comes back.
    assert refused.value.retry_after_seconds is not None
    assert 85 <= refused.value.retry_after_seconds <= 91


async def test_a_budget_comes_back(no_redis: Redis, database: Database) -> None:
    replicas = [
        Throttle(AttemptBudgets(RateLimiter(no_redis), database), second_factor=Rate(2, 1))
        for _ in range(2)
    ]
    user_id = uuid4()
    await replicas[0].check_second_factor(user_id)
    await replicas[0].check_second_factor(user_id)
    with pytest.raises(TooManyAttempts):
        await replicas[1].check_second_factor(user_id)

    await asyncio.sleep(0.6)

    await replicas[1].check_second_factor(user_id)


async def test_losing_redis_opens_no_new_budget(redis: Redis, database: Database) -> None:
    throttle = Throttle(AttemptBudgets(RateLimiter(redis), database), RATE)
    attempt = (uuid4().hex, addresses(1)[0])
    assert await attempts_let_through(throttle, [attempt] * 3) == 3
    # As after a flush or an empty restart.
    await redis.flushdb()

    assert await attempts_let_through(throttle, [attempt] * 10) == 2


async def test_redis_learns_no_addresses(redis: Redis, database: Database) -> None:
    throttle = Throttle(AttemptBudgets(RateLimiter(redis), database), RATE)
    await throttle.check(email_key="ada@acme.test", address="192.0.2.1")

    keys = b" ".join(await redis.keys("*"))
    assert b"ada" not in keys
    assert b"platform:" in keys
