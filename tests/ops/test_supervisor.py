"""Keeping processes running, with small programs in the place of real parts."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ops.errors import OpsError
from ops.local.process import WRAPPER, Program, last_words, spawn
from ops.local.state import PartState, Phase, StackState
from ops.local.supervisor import Part, Started, Supervisor, rotate

FOREVER = "import time; time.sleep(60)"


def part(
    name: str, code: str, folder: Path, *, once: bool = False, after: tuple[str, ...] = ()
) -> Part:
    log = folder / f"{name}.log"

    async def start() -> Started:
        return spawn(
            Program(name=name, command=(sys.executable, "-c", code), directory=folder, log=log)
        )

    async def ready(_pid: int) -> bool:
        return True

    return Part(
        name=name, start=start, ready=None if once else ready, log=log, once=once, after=after
    )


class Running:
    """A supervisor at work, and its state as other processes read it."""

    def __init__(self, parts: list[Part], folder: Path) -> None:
        self.file = folder / "state.json"
        self.supervisor = Supervisor(parts, state=StackState(pid=os.getpid()), state_file=self.file)
        self.task = asyncio.create_task(self.supervisor.run())

    async def until(self, wanted: Callable[[StackState], bool]) -> StackState:
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            state = StackState.read(self.file)
            if state is not None and wanted(state):
                return state
            await asyncio.sleep(0.02)
        raise AssertionError(f"never came to be: {state}")

    async def stop(self) -> None:
        self.supervisor.stop()
        await asyncio.wait_for(self.task, 20)


def ready(state: StackState) -> bool:
    return state.phase is Phase.READY


async def test_starts_in_order_and_stops_everything(tmp_path: Path) -> None:
    first = part("first", f"open('{tmp_path}/made', 'w')", tmp_path, once=True)
    code = f"assert __import__('os').path.exists('{tmp_path}/made'); {FOREVER}"
    running = Running([part("second", code, tmp_path, after=("first",)), first], tmp_path)

    state = await running.until(ready)
    pid = state.parts["second"].pid
    await running.stop()

    assert state.parts["first"].state is PartState.DONE
    assert state.parts["second"].restarts == 0
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_restarts_what_was_killed(tmp_path: Path) -> None:
    running = Running([part("one", FOREVER, tmp_path), part("two", FOREVER, tmp_path)], tmp_path)
    before = await running.until(ready)
    killed, spared = before.parts["one"].pid, before.parts["two"].pid
    assert killed is not None

    os.kill(killed, signal.SIGKILL)
    after = await running.until(
        lambda state: (
            state.parts["one"].pid != killed and state.parts["one"].state is PartState.READY
        )
    )
    await running.stop()

    assert after.parts["one"].restarts == 1
    assert after.parts["two"].pid == spared


async def test_a_failed_step_ends_the_start_with_its_last_line(tmp_path: Path) -> None:
    step = part("step", "raise SystemExit('The database is on holiday.')", tmp_path, once=True)
    other = part("other", FOREVER, tmp_path)
    running = Running([step, other], tmp_path)

    with pytest.raises(OpsError, match=r"step could not start: The database is on holiday\."):
        await asyncio.wait_for(running.task, 15)

    state = StackState.read(running.file)
    assert state is not None
    assert state.parts["other"].state is PartState.STOPPED


async def test_a_process_that_never_stays_up_ends_the_start(tmp_path: Path) -> None:
    async def never(_pid: int) -> bool:
        return False

    broken = part("broken", "raise SystemExit('no such setting')", tmp_path)
    broken = Part(**{**broken.__dict__, "ready": never})
    running = Running([broken], tmp_path)
    with pytest.raises(OpsError, match="no such setting"):
        await asyncio.wait_for(running.task, 15)


@pytest.mark.parametrize("watch", ["no", "yes"])
def test_children_die_with_their_launcher(tmp_path: Path, watch: str) -> None:
    # "yes" is the way of systems without a parent-death signal.
    log = tmp_path / "pid"
    grandchild = f"import os; open('{log}', 'w').write(str(os.getpid())); {FOREVER}"
    launcher = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, {str(WRAPPER)!r}, '--parent', str(os.getpid()), "
        f"'--watch', {watch!r}, '--', sys.executable, '-c', {grandchild!r}])\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", launcher])
    deadline = time.monotonic() + 10
    while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    pid = int(log.read_text())

    process.kill()
    process.wait()

    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline + 5, "it lives on"
        time.sleep(0.05)


def test_a_large_log_is_moved_away(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab") as writer:
        writer.write(b"a" * 2000)
        writer.flush()
        rotate(log, limit=1000)
        writer.write(b"b")
    assert log.read_bytes() == b"b"
    assert (tmp_path / "x.log.1").read_bytes() == b"a" * 2000


TRACEBACK = """Traceback (most recent call last):
  File "a.py", line 1, in <module>
libs.common.crypto.DecryptionFailed: The key is another one.
"""


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("", ""),
        ("It begins.\nNo such setting.\n", "No such setting."),
        (json.dumps({"event": "serving"}) + "\n\n", "serving"),
        (
            json.dumps({"event": TRACEBACK + "  \n"})
            + "\n"
            + json.dumps({"event": "Application startup failed. Exiting."}),
            "The key is another one.",
        ),
        (
            json.dumps({"event": "failed", "exception": TRACEBACK.replace(": The", "\nNote: The")}),
            "libs.common.crypto.DecryptionFailed",
        ),
        (TRACEBACK + "\nDebug source:\nGeneric {\n    a: 1,\n}\n", TRACEBACK.splitlines()[-1]),
        (json.dumps({"event": "serving"}) + "\nIt is incomplete:\n  no name\n", "no name"),
        ("}\n", "}"),
    ],
    ids=["silent", "sentence", "entry", "JSON", "no message", "plain", "list", "nothing known"],
)
def test_a_logs_last_words_are_the_reason(tmp_path: Path, log: str, reason: str) -> None:
    file = tmp_path / "part.log"
    file.write_text(log)
    assert last_words(file) == reason
