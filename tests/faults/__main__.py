"""`python -m tests.faults --runs 24 --seed 1`: play seeds against one platform."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import aiohttp

from ops.local.home import Home
from ops.settings import NO_RERANK
from tests.conversations.peers import Peers, running_peers
from tests.faults.api import Gateway
from tests.faults.blows import Blow, plan_blows, strike
from tests.faults.company import Company
from tests.faults.history import violations
from tests.platform import Platform, running_platform

WORDS: Final = "The code stands in the documents [Source 1], as does everything that goes with it."
# One answer takes a second, so that many deaths fall into the middle of one.
FIRST_TOKEN_SECONDS: Final = 0.3
BETWEEN_TOKENS_SECONDS: Final = 0.05


def main() -> int:
    """Play the seeds; the exit code is 0 when nothing was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=24, help="how many seeds")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--lanes", type=int, default=4, help="how many are played at once")
    parser.add_argument("--home", type=Path, help="keeps the platform's folder here")
    options = parser.parse_args()
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="knowrithm-faults-"))
        home = options.home or Path(scratch) / "home"
        seeds = range(options.seed, options.seed + options.runs)
        lanes = min(options.lanes, options.runs)
        failed, is_well = asyncio.run(_play_all(home, seeds, lanes=lanes))
    print(f"{options.runs - len(failed)} passed, {len(failed)} failed", flush=True)
    for seed in failed:
        print(f"  again: make faults N=1 SEED={seed}", flush=True)
    return 0 if is_well and not failed else 1


async def _play_all(home: Path, seeds: Iterable[int], *, lanes: int) -> tuple[list[int], bool]:
    """Return the seeds that failed, and whether the platform is well in the end."""
    async with running_peers() as peers:
        _script(peers)
        with ExitStack() as stack:
            # In a thread: its demo asks the model that is served here.
            platform = await asyncio.to_thread(
                stack.enter_context,
                running_platform(
                    home,
                    OPENAI_BASE_URL=f"{peers.url}/v1",
                    OPENAI_API_KEY="sk-faults",
                    CHAT_MODEL="scripted",
                    # It loses nothing, and costs a small machine a second a question.
                    RERANK_URL=NO_RERANK,
                ),
            )
            failed: list[int] = []
            waiting = iter(seeds)

            async def lane() -> None:
                failed.extend([seed for seed in waiting if not await _play(platform, seed)])

            await asyncio.gather(*(lane() for _ in range(lanes)))
            is_well = await _is_well(platform)
            await asyncio.to_thread(stack.close)
            return sorted(failed), is_well


def _script(peers: Peers) -> None:
    peers.model.tokens = [f"{word} " for word in WORDS.split()]
    peers.model.first_token_seconds = FIRST_TOKEN_SECONDS
    peers.model.between_tokens_seconds = BETWEEN_TOKENS_SECONDS


async def _play(platform: Platform, seed: int) -> bool:
    """Play one seed; True when it passed."""
    chance = random.Random(seed)
    blows = plan_blows(seed, chance)
    started = time.monotonic()
    async with aiohttp.ClientSession() as session:
        gateway = Gateway(session, platform.url)
        company = Company(f"s{seed}t{time.time_ns() % 10**9}", chance, gateway)
        try:
            await company.settle()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(company.work())
                for blow in blows:
                    tasks.create_task(strike(blow, Home(platform.home)))
            await company.until_indexed()
            found = list(violations(company.history, await company.look()))
        except Exception as error:  # noqa: BLE001 - whatever it is, this seed has failed
            found = _causes(error)
        troubles = gateway.troubles
    seconds = time.monotonic() - started
    _tell(seed, blows, found, seconds=seconds, troubles=troubles, company=company)
    return not found


def _tell(
    seed: int,
    blows: list[Blow],
    found: list[str],
    *,
    seconds: float,
    troubles: dict[int, int],
    company: Company,
) -> None:
    deaths = ", ".join(map(str, blows))
    did = company.history
    done = f"{len(did.uploads)} documents, {len(did.accepted)} questions"
    met = ", ".join(f"{count}x {status or 'cut'}" for status, count in sorted(troubles.items()))
    verdict = "FAILED" if found else "ok"
    print(f"seed {seed:4} {verdict:6} {seconds:5.1f} s  {deaths}; {done}; met {met or 'nothing'}")
    for sentence in found:
        print(f"     {sentence}")
    sys.stdout.flush()


def _causes(error: BaseException) -> list[str]:
    if isinstance(error, BaseExceptionGroup):
        return [cause for one in error.exceptions for cause in _causes(one)]
    return ["".join(traceback.format_exception_only(error)).strip()]


async def _is_well(platform: Platform) -> bool:
    """Tell whether the platform says that it is well, and gave up on no event."""
    async with aiohttp.ClientSession() as session:
        health = await Gateway(session, platform.url).get("/health")
    letters = await asyncio.to_thread(platform.ops, "dead-letters", "list", "--json")
    well = health["status"] == "healthy" and letters.stdout.strip() == "[]"
    if not well:
        print(f"the platform is {health['status']}; dead letters: {letters.stdout}")
    return well


if __name__ == "__main__":
    sys.exit(main())
