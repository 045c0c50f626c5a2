"""Work beside a block ends with it, and swallows nothing."""

import asyncio

import pytest

from libs.common.background import running


async def test_the_work_ends_with_the_block() -> None:
    stopped = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    async with running(work(), name="work"):
        await asyncio.sleep(0)
    assert stopped.is_set()


async def test_a_failure_of_the_work_is_told_when_the_block_ends() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        async with running(work(), name="work"):
            await asyncio.sleep(0)


async def test_a_failure_of_the_block_comes_first() -> None:
    async def work() -> None:
        await asyncio.sleep(60)

    with pytest.raises(KeyError):
        async with running(work(), name="work"):
            raise KeyError


async def test_a_cancellation_that_comes_while_the_work_ends_is_not_lost() -> None:
    ending = asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ending.set()
            await asyncio.sleep(0.01)

    async def caller() -> None:
        while True:
            async with running(slow_to_end(), name="slow"):
                await asyncio.sleep(0)

    task = asyncio.create_task(caller())
    await ending.wait()
    task.cancel()

    finished, _ = await asyncio.wait([task], timeout=5)
    assert task in finished
    assert task.cancelled()
