"""Starting and stopping one operating-system process."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from ops.local.identity import Identity

WRAPPER = Path(__file__).with_name("exec_wrapper.py")
LOOPBACK = "127.0.0.1"
# How much of a log's end may hold the reason of a failure: a traceback can be long.
TAIL_BYTES = 65536
# What a server says after the reason.
AFTERTHOUGHTS = ("Application startup failed. Exiting.",)


@dataclass(frozen=True, kw_only=True)
class Program:
    """How a process is started and stopped.

    Attributes:
        environment: Added to `base_environment()`; nothing else is inherited.
        log: Receives standard output and error, appended.
        stop_signal: Asks it to finish; what the kernel sends when the launcher dies.
        stop_seconds: How long it may take to finish before it is killed.
    """

    name: str
    command: tuple[str, ...]
    directory: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    identity: Identity | None = None
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0


def spawn(program: Program, *, pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start `program`; it dies when the thread that called this ends."""
    wrapper = wrapped_as(program.identity, "--parent", str(os.getpid()))
    wrapper += ["--death-signal", str(int(program.stop_signal)), "--"]
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            [*wrapper, *program.command],
            cwd=program.directory,
            env={**base_environment(), **program.environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal reaches the launcher only, which stops things in order.
            start_new_session=True,
            pass_fds=pass_fds,
        )


def wrapped_as(identity: Identity | None, *options: str) -> list[str]:
    """Return how a command line begins that takes on an identity; `--` and the command follow."""
    wrapper = [sys.executable, "-I", "-S", str(WRAPPER), *options]
    if identity is not None:
        wrapper += ["--uid", str(identity.uid), "--gid", str(identity.gid)]
        if identity.capability is not None:
            wrapper += ["--capability", str(identity.capability)]
    return wrapper


def base_environment() -> dict[str, str]:
    """Return what every process needs and no part of the platform configures."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
    return {name: os.environ[name] for name in keep if name in os.environ}


def stop(process: subprocess.Popen[bytes], *, signal_number: int, seconds: float) -> None:
    """Ask the process to finish, and kill it when it has not after `seconds`."""
    if process.poll() is not None:
        return
    process.send_signal(signal_number)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a loopback port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port


def listening(port: int, *, host: str = LOOPBACK) -> bool:
    """Tell whether something accepts connections on `port`."""
    with socket.socket() as client:
        client.settimeout(0.5)
        return client.connect_ex((host, port)) == 0


def tail(log: Path, *, lines: int = 5) -> str:
    """Return the last lines of a log for an error message; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.strip().splitlines()[-lines:])


def last_words(log: Path) -> str:
    """Return why the process that wrote a log ended: one line; empty when it says nothing.

    That is its last line. Of a traceback, which services write as JSON, it is the error's message.
    """
    text = tail(log, lines=50)
    for line in filter(str.strip, reversed(text.splitlines())):
        if not line.startswith("{"):
            # A printed structure after an error's first line says little.
            last = line.strip()
            return last if last[0].isalnum() else _error_of(text) or last
        try:
            entry = json.loads(line)
        except ValueError:
            return line
        event = str(entry.get("exception") or entry.get("event"))
        if "Traceback" in event:
            kind, _, reason = _error_of(event).partition(": ")
            return reason or kind
        if event not in AFTERTHOUGHTS:
            return event
    return ""


def _error_of(traceback: str) -> str:
    """Return the line that begins the last error of a traceback; some errors have more."""
    _, begins, after = traceback.rpartition("Traceback (most recent call last):\n")
    lines = after.splitlines() if begins else []
    return next((line for line in lines if line and not line.startswith(" ")), "")


def wait_until_gone(pid: int, *, seconds: float) -> bool:
    """Wait for a process that is not our child; True when it is gone in time."""
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def alive(pid: int) -> bool:
    """Tell whether there is such a process, whoever owns it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def end_strays(name: str, *, directory: Path) -> int:
    """Kill processes of this name that run in `directory`; return how many there were.

    What a killed server leaves behind keeps its port or its memory, and is no child of ours. It is
    known by its working directory, which no other program shares.
    """
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == name and Path(process.cwd()) == directory.resolve():
                process.kill()
                found.append(process)
        except (psutil.Error, OSError):
            continue
    # What they hold is free once they are gone, not once they have been told.
    psutil.wait_procs(found, timeout=3)
    return len(found)
