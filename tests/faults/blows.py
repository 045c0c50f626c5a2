"""Which processes are killed, frozen or emptied and when, and waiting until they are back."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import psutil
from redis.asyncio import Redis

from ops.dead_letters import redis_url_of
from ops.local.home import Home
from ops.local.stack import PROCESSES
from ops.local.state import PartState, PartStatus, StackState
from tests.faults.api import Broken

# Workers, for longer than their leases: they wake up and find their work in other hands.
FROZEN_SECONDS: Final = {
    "valkey": 4.0,
    "postgres": 4.0,
    "conversations-worker": 10.0,
    "documents-worker": 22.0,
}
SECOND_DEATH_CHANCE: Final = 0.3
LATEST_SECONDS: Final = 3.0
HEALED_SECONDS: Final = 60.0


class Fate(StrEnum):
    """What becomes of a process."""

    KILLED = "killed"
    FROZEN = "frozen"  # it holds its connections, and says nothing
    EMPTIED = "emptied"  # of Redis: all it knew is gone


# Consecutive seeds go through all of them. The nursery only starts processes: without it, those
# that run go on, and those that die wait for it.
KILLED: Final = (
    "conversations-worker",
    "postgres",
    "documents-worker",
    "gateway",
    "documents",
    "valkey",
    "conversations",
    "agents",
    "models",
    "analytics-worker",
    "auth",
    "agents-worker",
    "analytics",
    "auth-worker",
    "nursery",
)
FATES: Final = (
    *((name, Fate.KILLED) for name in KILLED),
    ("valkey", Fate.EMPTIED),
    *((name, Fate.FROZEN) for name in FROZEN_SECONDS),
)


@dataclass(frozen=True, slots=True)
class Blow:
    """A process that is hit, and when, from the start of the activity."""

    target: str
    fate: Fate
    at_seconds: float

    def __str__(self) -> str:
        return f"{self.target} {self.fate} at {self.at_seconds} s"


class _Blows:
    last_at = 0.0


def calm_seconds() -> float:
    """Return for how long nothing has been hit, by any seed."""
    return time.monotonic() - _Blows.last_at


def plan_blows(seed: int, chance: random.Random) -> list[Blow]:
    """Return what happens in a seed, earliest first."""
    unknown = set(KILLED) ^ {*PROCESSES, "gateway", "models", "postgres", "valkey", "nursery"}
    if unknown:
        raise AssertionError(f"the platform's processes are others by now: {unknown}")
    fates = [FATES[seed % len(FATES)]]
    if chance.random() < SECOND_DEATH_CHANCE:
        fates.append(chance.choice(FATES))
    blows = [Blow(*fate, round(chance.uniform(0.1, LATEST_SECONDS), 2)) for fate in fates]
    return sorted(blows, key=lambda blow: blow.at_seconds)


async def strike(blow: Blow, home: Home) -> None:
    """Hit a process in its time, and wait until it, or another in its place, does its work.

    Raises:
        Broken: It did not come back.
    """
    await asyncio.sleep(blow.at_seconds)
    victim = await _running(blow.target, home)
    _Blows.last_at = time.monotonic()
    if blow.fate is Fate.KILLED:
        _signal([victim.pid], signal.SIGKILL)
        await _replaced(victim, home)
    elif blow.fate is Fate.EMPTIED:
        async with Redis.from_url(redis_url_of(home)) as redis:
            await redis.flushall()
    else:
        family = _family(victim.pid)
        _signal(family, signal.SIGSTOP)
        try:
            await asyncio.sleep(FROZEN_SECONDS[blow.target])
        finally:
            _signal(family, signal.SIGCONT)
    _Blows.last_at = time.monotonic()


async def _running(name: str, home: Home) -> PartStatus:
    give_up_at = time.monotonic() + HEALED_SECONDS
    while True:
        part = _part(home, name)
        if part.pid is not None and part.state is PartState.READY:
            return part
        if time.monotonic() > give_up_at:
            raise Broken(f"{name} was not running: {part.state} {part.detail}")
        await asyncio.sleep(0.05)


async def _replaced(victim: PartStatus, home: Home) -> None:
    give_up_at = time.monotonic() + HEALED_SECONDS
    while True:
        part = _part(home, victim.name)
        if part.state is PartState.READY and part.restarts > victim.restarts:
            return
        if time.monotonic() > give_up_at:
            raise Broken(f"{victim.name} did not come back: {part.state} {part.detail}")
        await asyncio.sleep(0.05)


def _family(pid: int | None) -> list[int]:
    """Return a process and its children: PostgreSQL answers by those."""
    try:
        process = psutil.Process(pid)
        return [process.pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.Error:
        return []


def _signal(pids: Iterable[int | None], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, number)


def _part(home: Home, name: str) -> PartStatus:
    state = StackState.read(home.state)
    if state is None or name not in state.parts:
        raise Broken("the launcher is gone")
    return state.parts[name]
