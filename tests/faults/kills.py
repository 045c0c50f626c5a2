"""Which processes are killed and when, and waiting until they are back."""

import asyncio
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.local.stack import PROCESSES
from ops.local.state import PartState, PartStatus, StackState
from tests.faults.api import Broken

# Consecutive seeds go through all of them. The nursery only starts processes: without it, those
# that run go on, and those that die wait for it.
TARGETS: Final = (
    "conversations-worker", "postgres", "documents-worker", "gateway", "documents", "valkey",
    "conversations", "agents", "models", "analytics-worker", "auth", "agents-worker", "analytics",
    "auth-worker", "nursery",
)  # fmt: skip
SECOND_KILL_CHANCE: Final = 0.3
LATEST_SECONDS: Final = 3.0
HEALED_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Kill:
    """A process that dies, and when, from the start of the activity."""

    target: str
    at_seconds: float


def plan_kills(seed: int, chance: random.Random) -> list[Kill]:
    """Return the kills of a seed, earliest first."""
    unknown = set(TARGETS) ^ {*PROCESSES, "gateway", "models", "postgres", "valkey", "nursery"}
    if unknown:
        raise AssertionError(f"the platform's processes are others by now: {unknown}")
    targets = [TARGETS[seed % len(TARGETS)]]
    if chance.random() < SECOND_KILL_CHANCE:
        targets.append(chance.choice(TARGETS))
    kills = [Kill(target, round(chance.uniform(0.1, LATEST_SECONDS), 2)) for target in targets]
    return sorted(kills, key=lambda kill: kill.at_seconds)


async def execute(kill: Kill, state_file: Path) -> None:
    """Kill the process in its time, and wait until another one does its work.

    Raises:
        Broken: It did not come back.
    """
    await asyncio.sleep(kill.at_seconds)
    give_up_at = time.monotonic() + HEALED_SECONDS
    victim = _part(state_file, kill.target)
    while victim.pid is None or victim.state is not PartState.READY:
        if time.monotonic() > give_up_at:
            raise Broken(f"{kill.target} was not running: {victim.state} {victim.detail}")
        await asyncio.sleep(0.05)
        victim = _part(state_file, kill.target)
    with suppress(ProcessLookupError):
        os.kill(victim.pid, signal.SIGKILL)
    while True:
        part = _part(state_file, kill.target)
        if part.state is PartState.READY and part.restarts > victim.restarts:
            return
        if time.monotonic() > give_up_at:
            raise Broken(f"{kill.target} did not come back: {part.state} {part.detail}")
        await asyncio.sleep(0.05)


def _part(state_file: Path, name: str) -> PartStatus:
    state = StackState.read(state_file)
    if state is None or name not in state.parts:
        raise Broken("the launcher is gone")
    return state.parts[name]
