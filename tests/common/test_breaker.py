"""The circuit breaker."""

import asyncio
from contextlib import suppress

import pytest

from libs.common.breaker import Breaker, BreakerOpen


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The breaker's clock."""
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    """A breaker that opens after two failures and rests for ten seconds."""
    return Breaker(
        "model",
        threshold=2,
        rest_seconds=10,
        counts=lambda error: isinstance(error, ConnectionError),
        clock=clock,
    )


def fail(breaker: Breaker, error: Exception) -> None:
    """Make a call that fails."""
    with suppress(type(error)), breaker.call():
        raise error


def test_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    states = []
    for _ in range(2):
        fail(breaker, ConnectionError())
        states.append(breaker.is_open)

    assert states == [False, True]
    with pytest.raises(BreakerOpen), breaker.call():
        pytest.fail("the call was made")


def test_a_success_in_between_closes_the_count(breaker: Breaker) -> None:
    fail(breaker, ConnectionError())
    with breaker.call():
        pass
    fail(breaker, ConnectionError())

    assert not breaker.is_open


def test_errors_that_are_answers_do_not_count(breaker: Breaker) -> None:
    for _ in range(5):
        fail(breaker, ValueError())

    assert not breaker.is_open


def test_one_trial_after_the_rest_decides(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, ConnectionError())
    fail(breaker, ConnectionError())
    clock.now += 10

    states = []
    with breaker.call():
        # Only one at a time.
        states.append(breaker.is_open)
    states.append(breaker.is_open)

    assert states == [True, False]


def test_a_failed_trial_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, ConnectionError())
    fail(breaker, ConnectionError())
    clock.now += 10
    fail(breaker, ConnectionError())

    states = [breaker.is_open]
    clock.now += 10
    states.append(breaker.is_open)

    assert states == [True, False]


class TestLongerRests:
    def test_double_with_each_failed_trial_and_end_with_a_success(self, clock: Clock) -> None:
        breaker = Breaker(
            "model", threshold=1, rest_seconds=10, longest_rest_seconds=25, clock=clock
        )
        rests = []
        for _ in range(4):
            fail(breaker, ConnectionError())
            began = clock.now
            while breaker.is_open:
                clock.now += 1
            rests.append(clock.now - began)
        assert rests == [10, 20, 25, 25]
        with breaker.call():
            pass
        fail(breaker, ConnectionError())
        clock.now += 10
        assert not breaker.is_open

    async def test_do_not_grow_with_calls_that_were_under_way(self, clock: Clock) -> None:
        breaker = Breaker(
            "model", threshold=2, rest_seconds=10, longest_rest_seconds=160, clock=clock
        )
        together = asyncio.Barrier(12)

        async def call() -> None:
            with suppress(ConnectionError), breaker.call():
                await together.wait()
                raise ConnectionError

        await asyncio.gather(*(call() for _ in range(12)))
        assert breaker.is_open
        clock.now += 10
        assert not breaker.is_open
