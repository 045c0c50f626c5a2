"""Rate limits: exact where it counts, shared by processes, never closed."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from libs.common.http.rates import RateLimits
from libs.common.rate_limits import LocalBuckets, Rate, RateLimiter
from libs.common.resources import open_redis


class TestRate:
    @pytest.mark.parametrize("text", ["", "20", "20/", "/60", "0/60", "20/0", "-1/60", "a/b"])
    def test_nonsense_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="rate"):
            Rate.parse(text)

    def test_is_requests_by_seconds(self) -> None:
        assert Rate.parse("20/60") == Rate(limit=20, per_seconds=60)


def test_overrides_name_known_classes(redis: Redis) -> None:
    with pytest.raises(ValueError, match="bogus"):
        RateLimits(RateLimiter(redis), {"bogus": "1/1"})


class TestRateLimiter:
    async def test_a_budget_is_used_up_and_comes_back(self, redis: Redis) -> None:
        limiter = RateLimiter(redis)
        rate = Rate(3, 1)

        decisions = [await limiter.check("k", rate) for _ in range(4)]
        await asyncio.sleep(0.4)
        later = await limiter.check("k", rate)

        assert [decision.allowed for decision in decisions] == [True, True, True, False]
        assert [decision.remaining for decision in decisions] == [2, 1, 0, 0]
        assert decisions[3].retry_after_seconds == 1
        assert later.allowed

    async def test_keys_are_apart(self, redis: Redis) -> None:
        limiter = RateLimiter(redis)

        assert (await limiter.check("a", Rate(1, 60))).allowed
        assert (await limiter.check("b", Rate(1, 60))).allowed
        assert not (await limiter.check("a", Rate(1, 60))).allowed

    async def test_a_refused_request_costs_no_budget(self, redis: Redis) -> None:
        limiter = RateLimiter(redis)
        small, large = Rate(1, 60), Rate(10, 60)

        await limiter.check_all({"small": small, "large": large})
        refused = await limiter.check_all({"small": small, "large": large})
        large_alone = await limiter.check("large", large)

        assert [decision.allowed for decision in refused] == [False, True]
        assert large_alone.remaining == 8

    async def test_racing_processes_share_a_budget(self, redis_url: str, redis: Redis) -> None:
        clients = [open_redis(redis_url) for _ in range(4)]
        rate = Rate(50, 3600)

        async def race(client: Redis) -> int:
            limiter = RateLimiter(client)
            return sum([(await limiter.check("k", rate)).allowed for _ in range(30)])

        admitted = await asyncio.gather(*(race(client) for client in clients))
        for client in clients:
            await client.aclose()

        assert sum(admitted) == 50

    async def test_a_busy_caller_with_plenty_left_does_not_ask_each_time(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limiter = RateLimiter(redis)
        asked = 0
        run = limiter._run

        async def counting(*command: str | int | float) -> list[int]:
            nonlocal asked
            asked += 1
            return await run(*command)

        monkeypatch.setattr(limiter, "_run", counting)
        decisions = [await limiter.check("k", Rate(1000, 3600)) for _ in range(200)]
        await limiter.stop()

        assert asked < 10
        assert decisions[-1].remaining == 800
        # What was let in without asking has been told: another process sees it.
        assert (await RateLimiter(redis).check("k", Rate(1000, 3600))).remaining == 799

    async def test_stopping_waits_for_what_is_being_told(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limiter = RateLimiter(redis)
        for _ in range(3):
            await limiter.check("k", Rate(1000, 3600))
        run, begun, told = limiter._run, asyncio.Event(), False

        async def slow(*command: str | int | float) -> list[int]:
            nonlocal told
            begun.set()
            await asyncio.sleep(0.05)
            reply = await run(*command)
            told = True
            return reply

        monkeypatch.setattr(limiter, "_run", slow)
        await begun.wait()
        await limiter.stop()

        # Later, the connection that it needs would be opened anew and never closed.
        assert told

    async def test_the_limit_holds_for_a_busy_caller(self, redis: Redis) -> None:
        limiter = RateLimiter(redis)

        admitted = sum([(await limiter.check("k", Rate(400, 3600))).allowed for _ in range(600)])
        await limiter.stop()

        assert admitted == 400

    async def test_without_redis_it_counts_by_itself(
        self, redis: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        limiter = RateLimiter(redis)

        async def away(*command: object) -> None:
            raise RedisConnectionError

        monkeypatch.setattr(limiter, "_run", away)
        decisions = [await limiter.check("k", Rate(2, 60)) for _ in range(3)]

        assert [decision.allowed for decision in decisions] == [True, True, False]

    async def test_a_lost_script_is_sent_again(self, redis: Redis) -> None:
        limiter = RateLimiter(redis)
        await limiter.check("k", Rate(10, 60))
        await redis.script_flush()

        assert (await limiter.check("k", Rate(10, 60))).remaining == 8


def test_local_buckets_forget_the_oldest() -> None:
    buckets = LocalBuckets(max_keys=2)

    for key in ("a", "b", "c"):
        buckets.check(key, Rate(1, 60))

    assert buckets.check("a", Rate(1, 60)).allowed
    assert not buckets.check("c", Rate(1, 60)).allowed
