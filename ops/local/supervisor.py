"""Keep a set of processes running: start them in order, restart the dead, stop them all.

Knows nothing of the platform. Everything happens in the main thread's event loop, on purpose: Linux
sends the parent-death signal when the *thread* that started a process ends.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.local.process import last_words
from ops.local.state import PartState, PartStatus, Phase, StackState, start_time

POLL_SECONDS = 0.05
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 10.0
# A process that lived this long starts its next failure with the shortest pause again.
STEADY_SECONDS = 20.0
TRIES_BEFORE_READY = 4
ROTATE_BYTES = 20_000_000
ROTATE_EVERY_SECONDS = 30.0

# A child of ours, or the pid of one that the nursery made for us.
Started = subprocess.Popen[bytes] | int


@dataclass(frozen=True, kw_only=True)
class Part:
    """A process to keep running, or a step (`once`) to be done before others start.

    Attributes:
        start: Starts it. Called in the main thread.
        ready: Tells whether a process with this pid does its work; not asked of steps.
        after: Parts that must be ready, or done, first.
        essential: False for what the stack can be called ready without.
        before_restart: Cleans up after a death.
        restart_when_ready: Names the parts that are to start again now that this one is ready.
        stop_last: Stopped in ascending order; parts with the same number together.
    """

    name: str
    start: Callable[[], Awaitable[Started]]
    log: Path
    ready: Callable[[int], Awaitable[bool]] | None = None
    after: Sequence[str] = ()
    once: bool = False
    essential: bool = True
    port: int | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0
    before_restart: Callable[[], None] | None = None
    restart_when_ready: Callable[[], list[str]] | None = None
    stop_last: int = 0
    ready_seconds: float = 120.0


class Supervisor:
    """Runs parts until told to stop."""

    def __init__(self, parts: Sequence[Part], *, state: StackState, state_file: Path) -> None:
        self._parts = {part.name: part for part in parts}
        self._state = state
        self._state_file = state_file
        self._started = time.monotonic()
        self._stopping = asyncio.Event()
        self._failure: str | None = None
        self._ready = {part.name: asyncio.Event() for part in parts}
        self._children: dict[int, tuple[Started, asyncio.Future[int]]] = {}
        for part in parts:
            state.parts[part.name] = PartStatus(
                name=part.name, essential=part.essential, port=part.port
            )

    async def run(self) -> None:
        """Start everything and keep it running until `stop()` is called or a start fails.

        Raises:
            OpsError: a part could not be started; everything has been stopped again.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.stop)
        self._write()
        tasks = [asyncio.create_task(self._keep(part)) for part in self._parts.values()]
        tasks.append(asyncio.create_task(self._announce_ready()))
        tasks.append(asyncio.create_task(self._rotate_logs()))
        for task in tasks:
            task.add_done_callback(self._task_done)
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stop_all()
        loop.remove_signal_handler(signal.SIGCHLD)
        if self._failure is not None:
            raise OpsError(self._failure)

    def stop(self) -> None:
        """Begin to stop; `run()` returns when everything has stopped."""
        self._stopping.set()

    def _task_done(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, OpsError):
            self._fail(str(error))
        else:
            self._fail(f"the launcher failed: {error!r}")
            task.print_stack()

    def _fail(self, sentence: str) -> None:
        if self._failure is None:
            self._failure = sentence
        self.stop()

    async def _keep(self, part: Part) -> None:
        for name in part.after:
            await self._ready[name].wait()
        pause = FIRST_PAUSE_SECONDS
        failures = 0
        status = self._state.parts[part.name]
        while True:
            began = time.monotonic()
            self._set(part, PartState.STARTING)
            try:
                pid, exited = self._watch(await part.start())
                status.pid, status.started_at = pid, start_time(pid)
                self._write()
                code = await self._accompany(part, pid, exited, since=began)
            except ConnectionError:
                code = -1  # the nursery died while it was asked; it is restarted as well
            if part.once and code == 0:
                status.pid = None
                self._set(part, PartState.DONE)
                self._ready[part.name].set()
                return
            was_ready = self._ready[part.name].is_set()
            failures = 1 if time.monotonic() - began > STEADY_SECONDS else failures + 1
            if part.essential and not was_ready and (part.once or failures >= TRIES_BEFORE_READY):
                reason = last_words(part.log) or f"it exited with {code}"
                raise OpsError(f"{part.name} could not start: {reason} (see {part.log})")
            if part.once and not part.essential:
                status.detail = last_words(part.log)
                self._set(part, PartState.FAILED)
                return
            pause = FIRST_PAUSE_SECONDS if failures == 1 else min(pause * 2, LONGEST_PAUSE_SECONDS)
            status.restarts += 1
            status.detail = f"exited with {code}"
            self._set(part, PartState.RESTARTING)
            await asyncio.sleep(pause)
            if part.before_restart is not None:
                part.before_restart()

    async def _accompany(
        self, part: Part, pid: int, exited: "asyncio.Future[int]", *, since: float
    ) -> int:
        """Wait until the process is ready, say so, and wait for its end; return its exit code."""
        while part.ready is not None and not exited.done():
            if await part.ready(pid):
                self._set(part, PartState.READY)
                self._ready[part.name].set()
                if part.restart_when_ready is not None:
                    self._restart(part.restart_when_ready())
                break
            if time.monotonic() - since > part.ready_seconds:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                break
            await asyncio.wait([exited], timeout=POLL_SECONDS)
        return await asyncio.shield(exited)

    def _restart(self, names: Sequence[str]) -> None:
        for name in names:
            part, status = self._parts[name], self._state.parts[name]
            if status.pid in self._children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(status.pid, part.stop_signal)

    async def _announce_ready(self) -> None:
        for part in self._parts.values():
            if part.essential:
                await self._ready[part.name].wait()
        self._state.seconds_to_ready = round(time.monotonic() - self._started, 2)
        self._state.phase = Phase.READY
        self._write()

    def _watch(self, started: Started) -> "tuple[int, asyncio.Future[int]]":
        pid = started if isinstance(started, int) else started.pid
        exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._children[pid] = (started, exited)
        # It may be gone before we knew its number.
        self._reap()
        return pid, exited

    def _reap(self) -> None:
        for pid, (started, exited) in list(self._children.items()):
            code = _exit_code(started)
            if code is not None:
                del self._children[pid]
                exited.set_result(code)
        # As the reaper of our descendants we inherit orphans (say, of a killed PostgreSQL).
        while (stranger := _finished_stranger(self._children)) is not None:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(stranger, os.WNOHANG)

    async def _stop_all(self) -> None:
        self._state.phase = Phase.STOPPING
        self._write()
        for turn in sorted({part.stop_last for part in self._parts.values()}):
            group = [part for part in self._parts.values() if part.stop_last == turn]
            await asyncio.gather(*(self._stop_part(part) for part in group))

    async def _stop_part(self, part: Part) -> None:
        pid = self._state.parts[part.name].pid
        if pid is not None and pid in self._children:
            exited = self._children[pid][1]
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, part.stop_signal)
            done, _ = await asyncio.wait([exited], timeout=part.stop_seconds)
            if not done:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                await asyncio.wait([exited], timeout=5.0)
        if self._state.parts[part.name].state is not PartState.DONE:
            self._set(part, PartState.STOPPED)

    async def _rotate_logs(self) -> None:
        while True:
            await asyncio.sleep(ROTATE_EVERY_SECONDS)
            for log in {part.log for part in self._parts.values()}:
                rotate(log)

    def _set(self, part: Part, state: PartState) -> None:
        self._state.parts[part.name].state = state
        self._write()

    def _write(self) -> None:
        # A full disk must not end what still runs; the next change tries again.
        with contextlib.suppress(OSError):
            self._state.write(self._state_file)


def _exit_code(started: Started) -> int | None:
    if not isinstance(started, int):
        return started.poll()
    try:
        pid, status = os.waitpid(started, os.WNOHANG)
    except ChildProcessError:
        return -1
    return os.waitstatus_to_exitcode(status) if pid else None


def _finished_stranger(known: "dict[int, tuple[Started, asyncio.Future[int]]]") -> int | None:
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    if found is None or found.si_pid in known:
        return None
    return found.si_pid


def rotate(log: Path, *, limit: int = ROTATE_BYTES) -> None:
    """Move a log that has grown past `limit` to `<log>.1`, without its writers' help.

    They append, so cutting the file under them is safe; what they write meanwhile may be lost.
    """
    try:
        if log.stat().st_size <= limit:
            return
        with log.open("rb+") as current, log.with_name(log.name + ".1").open("wb") as previous:
            while block := current.read(1 << 20):
                previous.write(block)
            current.truncate(0)
    except OSError:
        return
