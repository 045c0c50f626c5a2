"""`make bench`: what the platform costs, beside a program that does only what must be done.

Starts a platform of its own in a scratch folder, with stub models, and takes about eight minutes;
`QUICK=1` takes one or two, for a look: over 2,000 passages, one round, a smaller crowd. Prints a
table, and on the way what it is doing; `--details` names a file for the table.
"""

import argparse
import asyncio
import os
import platform as machine
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil
import uvloop

from bench import costs, ranking, table
from bench.api import Api
from bench.knowledge import markdown, question
from bench.rounds import QUICK, Bench, Findings, Lengths
from bench.stack import Platform, limit_program, scratch_platform, stub_models
from bench.stub import Plan
from ops.terminal import print_what_can_be_printed

SECTIONS_EACH: Final = 200
_SETTLE_SECONDS: Final = 8.0
_STARTED: Final = time.monotonic()
_MEASUREMENTS: Final = ("turn", "alone", "get", "streams", "ingest", "callers", "search", "crowd")


async def measure(lengths: Lengths, *, only: Sequence[str], hold: bool) -> Findings:
    """Start everything, play the rounds, and stop everything.

    Args:
        lengths: How long to measure what.
        only: Names of single measurements; empty for all.
        hold: Say where everything is before the rounds, and wait for Enter: for profilers.
    """
    findings = Findings()
    if (task := asyncio.current_task()) is not None:
        # Being ended takes the platform along that was started for it.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with stub_models() as models:
        with scratch_platform(**models.variables) as platform:
            _say("starting a platform of its own")
            findings.add("up.first_seconds", await asyncio.to_thread(platform.up))
            if not only:
                await _starts(platform, findings, lengths.starts)
            await models.plan(Plan())
            with await asyncio.to_thread(Api.for_new_company, platform.url) as api:
                manuals = lengths.manuals
                _say(f"indexing {manuals * SECTIONS_EACH:,} passages")
                agent_id = await asyncio.to_thread(_load, api, manuals)
                await asyncio.to_thread(_check, api, agent_id)
                _say("giving the limit program the same")
                async with limit_program(
                    platform, models, manuals=manuals, sections_each=SECTIONS_EACH
                ) as limit:
                    bench = Bench(
                        platform=platform,
                        models=models,
                        limit=limit,
                        api=api,
                        agent_id=agent_id,
                        manuals=manuals,
                        sections_each=SECTIONS_EACH,
                        lengths=lengths,
                        findings=findings,
                    )
                    if hold:
                        _hold(platform)
                    await _rounds(bench, only)
    return findings


async def _starts(platform: Platform, findings: Findings, count: int) -> None:
    """Start a platform that has been there before, and let it come to rest."""
    _say("starting it again" + (f", {count} times" if count > 1 else ""))
    for _ in range(count):
        await asyncio.to_thread(platform.down)
        findings.add("up.seconds", await asyncio.to_thread(platform.up))
    await asyncio.sleep(_SETTLE_SECONDS)
    memory = platform.parts().memory_mib()
    findings.add(
        "idle.mib", sum(mib for name, mib in memory.items() if name not in costs.OUTSIDE_MEMORY)
    )
    findings.add("idle.stores_mib", sum(memory.get(name, 0.0) for name in costs.STORES))
    findings.add("idle.outside_mib", sum(memory.get(name, 0.0) for name in ("gateway", "launcher")))


def _load(api: Api, manuals: int) -> str:
    """Give an agent that many manuals, by the way that all documents come in."""
    agent_id = api.make_agent("Manuals")
    for manual in range(manuals):
        content = markdown(manual, SECTIONS_EACH).encode()
        api.upload(agent_id, {f"manual-{manual}.md": content})
    api.wait_until_indexed(agent_id, manuals, seconds=600, pause_seconds=0.5)
    passages = sum(document["chunk_count"] for document in api.documents(agent_id))
    if not 0.9 <= passages / (manuals * SECTIONS_EACH) <= 1.2:
        raise RuntimeError(f"the manuals were cut into {passages:,} passages")
    return agent_id


def _check(api: Api, agent_id: str) -> None:
    """Make sure that what is measured is an answer from the documents, with its citation."""
    conversation = api.make_conversation(agent_id)
    message = api.ask(conversation, question(3, 4, number=-1))
    sources, citations = message["sources"], message["citations"]
    if len(sources) != 5 or not citations or "fact" not in citations[0]["quote"]:
        raise RuntimeError(f"the answer does not cite its passages: {message}")


async def _rounds(bench: Bench, only: Sequence[str]) -> None:
    plays = {
        "turn": (bench.chat_side_by_side, bench.chat_limit_side_by_side),
        "alone": (bench.chat_alone,),
        "get": (bench.reading,),
        "streams": (bench.streams,),
        "ingest": (bench.ingestion,),
        "callers": (bench.callers,),
        "search": (bench.searching,),
    }
    loads = []
    _say("warming up")
    await bench.warm_up()
    for number in range(bench.lengths.rounds):
        for name, measurements in plays.items():
            if not only or name in only:
                _say(f"round {number + 1} of {bench.lengths.rounds}: {name}")
                for measurement in measurements:
                    await measurement()
                    loads.append(psutil.getloadavg()[0])
    if not only or "search" in only:
        _say("ranking in memory")
        # With the platform at rest: the largest agent of its own would take minutes to load.
        for size, middle, slow in await asyncio.to_thread(lambda: list(ranking.figures())):
            bench.findings.add(f"ranking.{size}.p50_ms", middle)
            bench.findings.add(f"ranking.{size}.p95_ms", slow)
    if not only or "crowd" in only:
        _say(f"a crowd of {bench.lengths.crowd:,}")
        await bench.crowd()
        loads.append(psutil.getloadavg()[0])
    bench.findings.notes.append(
        f"{time.strftime('%Y-%m-%d %H:%M')}; {bench.manuals * bench.sections_each:,} passages; "
        f"rounds: {bench.lengths.rounds}; "
        f"{os.cpu_count()} processors, {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"{machine.system()} {machine.release()}, Python {machine.python_version()}; "
        f"load average {min(loads):.1f}-{max(loads):.1f}, median {statistics.median(loads):.1f}."
    )


def _say(doing: str) -> None:
    print(f"{time.monotonic() - _STARTED:5.0f} s  {doing}", file=sys.stderr, flush=True)


def _hold(platform: Platform) -> None:
    for name, pid in platform.parts().roots.items():
        print(f"{name:24}{pid}", file=sys.stderr)
    input("Enter begins the measurements. ")


def main() -> int:
    """Measure and print; the exit code says whether all bars were reached."""
    print_what_can_be_printed()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], choices=_MEASUREMENTS)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--hold", action="store_true", help="wait before the rounds, to profile")
    parser.add_argument("--details", type=Path, help="write the report to this file too")
    given = parser.parse_args()
    lengths = QUICK if os.environ.get("QUICK") else Lengths()
    if given.rounds:
        lengths = Lengths(**{**vars(lengths), "rounds": given.rounds})
    try:
        findings = uvloop.run(measure(lengths, only=given.only, hold=given.hold))
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    report = "\n".join(table.render(findings)) + "\n"
    print(report)
    if given.details:
        given.details.write_text(report, encoding="utf-8")
    return 1 if table.missed(findings) or findings.errors else 0


if __name__ == "__main__":
    sys.exit(main())
