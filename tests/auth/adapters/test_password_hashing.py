"""Hashing passwords: right, bounded, and off the event loop."""

import asyncio
from collections.abc import Iterator

import argon2
import pytest

from services.auth.adapters.password_hashing import WAITING_PER_SLOT, Argon2PasswordHasher
from services.auth.domain.errors import HashingBusy


@pytest.fixture
def hasher() -> Iterator[Argon2PasswordHasher]:
    """A hasher with one slot."""
    hasher = Argon2PasswordHasher(slots=1)
    yield hasher
    hasher.close()


async def test_knows_a_password_from_others(hasher: Argon2PasswordHasher) -> None:
    hashed = await hasher.hash("correct horse")

    assert hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await hasher.verify("correct horse", hashed)
    assert not await hasher.verify("wrong horse", hashed)
    assert not await hasher.verify("correct horse", None)
    assert not await hasher.verify("correct horse", "not a hash")


async def test_tells_hashes_of_weaker_parameters(hasher: Argon2PasswordHasher) -> None:
    weak = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("correct horse")

    assert hasher.is_outdated(weak)
    assert await hasher.verify("correct horse", weak)
    assert not hasher.is_outdated(await hasher.hash("correct horse"))


async def test_sheds_what_cannot_be_done_soon(hasher: Argon2PasswordHasher) -> None:
    room = 1 + WAITING_PER_SLOT

    results = await asyncio.gather(
        *(hasher.verify("a password", None) for _ in range(room + 5)), return_exceptions=True
    )

    assert results.count(False) == room
    assert sum(isinstance(result, HashingBusy) for result in results) == 5
    # And the room is free again.
    assert not await hasher.verify("a password", None)


async def test_a_client_that_leaves_does_not_free_its_thread(
    hasher: Argon2PasswordHasher,
) -> None:
    tasks = [
        asyncio.create_task(hasher.verify("a password", None)) for _ in range(1 + WAITING_PER_SLOT)
    ]
    await asyncio.sleep(0)
    tasks[0].cancel()

    with pytest.raises(HashingBusy):
        await hasher.hash("one more")
    await asyncio.gather(*tasks, return_exceptions=True)
