"""PostgreSQL and Valkey for one run of the tests, from the wheels of the local stack.

One cluster and one Valkey serve a whole pytest run: whichever xdist worker needs them first
starts them under a file lock, and the process that began the run stops them. They are tuned to be
forgotten (no fsync), so nothing here is fit for data that matters.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from ops.local.identity import unprivileged
from ops.local.postgres import postgres_ready
from ops.local.process import wrapped_as
from ops.local.wheels import postgres_binaries, valkey_binary

RUN_VARIABLE = "KNOWRITHM_TEST_RUN"
"""Names the run's folder; xdist workers inherit it from the process that began the run."""

# Of each user: what another has left behind is not ours to sweep up.
ROOT = Path(tempfile.gettempdir()) / f"knowrithm-tests-{os.getuid()}"
START_TIMEOUT_SECONDS = 30.0

POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "max_wal_size": "2GB",
    # An autovacuum worker in a template makes CREATE DATABASE wait for it.
    "autovacuum": "off",
    "jit": "off",
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Server:
    """A server that this run started."""

    url: str
    pid: int


class TestRun:
    """The servers of one run, shared by its processes through a folder."""

    __test__ = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def begin(cls) -> TestRun:
        """Make the folder of a new run, after sweeping up what killed runs left behind."""
        ROOT.mkdir(mode=0o755, exist_ok=True)
        for left_over in ROOT.iterdir():
            if not _is_alive(int(left_over.name.partition("-")[0])):
                cls(left_over).end()
        folder = ROOT / f"{os.getpid()}-{secrets.token_hex(3)}"
        folder.mkdir(mode=0o755)
        return cls(folder)

    def end(self) -> None:
        """Stop the servers that were started and forget their data."""
        for record in self.folder.glob("*.json"):
            _stop(int(json.loads(record.read_text())["pid"]))
        shutil.rmtree(self.folder, ignore_errors=True)

    def postgres(self) -> str:
        """Return the owner's URL of the run's cluster, which is started at first use."""
        return self._shared("postgres", start_postgres).url

    def valkey(self) -> str:
        """Return the URL of the run's Valkey, without a database number."""
        return self._shared("valkey", start_valkey).url

    def lock(self, name: str) -> FileLock:
        """Return a lock that all processes of the run share."""
        return FileLock(self.folder / f"{name}.lock")

    def _shared(self, name: str, start: Callable[[Path], Server]) -> Server:
        record = self.folder / f"{name}.json"
        with self.lock(name):
            if not record.exists():
                server = start(self.folder / name)
                record.write_text(json.dumps({"url": server.url, "pid": server.pid}))
        return Server(**json.loads(record.read_text()))


def start_postgres(folder: Path) -> Server:
    """Initialise a cluster in `folder` and start it on a free port of the loopback."""
    binaries = postgres_binaries()
    _make_private(folder)
    password = secrets.token_hex(16)
    password_file = folder / "password"
    password_file.write_text(password)
    _hand_over(password_file)
    data = folder / "data"
    _run(
        [
            binaries / "initdb",
            f"--pgdata={data}",
            "--username=postgres",
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-sync",
            # One round instead of 4096: connections are many and the secrets live for minutes.
            "--set=scram_iterations=1",
        ]
    )

    def command(port: int) -> list[str | Path]:
        settings = {**POSTGRES_SETTINGS, "unix_socket_directories": str(folder)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [binaries / "postgres", "-D", data, f"--port={port}", *options]

    port, process = _start_listening(command, folder / "log")
    # It listens a moment before it lets anybody in.
    while not postgres_ready(data, pid=process.pid):
        if not _is_alive(process.pid):
            raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()[-2000:]}")
        time.sleep(0.02)
    url = f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    return Server(url=url, pid=process.pid)


def start_valkey(folder: Path, *, port: int | None = None) -> Server:
    """Start a Valkey that keeps nothing on disk, on `port` or a free one."""
    _make_private(folder)

    def command(free_port: int) -> list[str | Path]:
        options = f"--bind 127.0.0.1 --databases 64 --appendonly no --dir {folder}".split()
        return [valkey_binary(), "--port", str(port or free_port), *options, "--save", ""]

    used_port, process = _start_listening(command, folder / "log", port=port)
    return Server(url=f"redis://127.0.0.1:{used_port}", pid=process.pid)


def stop(server: Server, *, kill: bool = False) -> None:
    """Stop a server; with `kill`, the way a crash would."""
    _stop(server.pid, signal.SIGKILL if kill else signal.SIGTERM)


def _start_listening(
    command: Callable[[int], Sequence[str | Path]], log: Path, *, port: int | None = None
) -> tuple[int, subprocess.Popen[bytes]]:
    """Start a server and wait for its port; another port is tried when somebody was quicker."""
    for _ in range(3):
        chosen = port or _free_port()
        with log.open("ab") as output:
            process = subprocess.Popen(
                _as_nobody(command(chosen)),
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        if _wait_until_ready(process, chosen):
            # It outlives this process's interest in it: nobody here will wait for it.
            process.returncode = 0
            return chosen, process
    raise RuntimeError(f"a test server did not start:\n{log.read_text()[-2000:]}")


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.02)
    return False


def _as_nobody(command: Sequence[str | Path]) -> list[str]:
    """PostgreSQL refuses to run as root, so root hands it to an account without rights."""
    words = [str(part) for part in command]
    identity = unprivileged(data=ROOT, programs=(Path(words[0]),))
    return words if identity is None else [*wrapped_as(identity), "--", *words]


def _hand_over(path: Path) -> None:
    path.chmod(0o700 if path.is_dir() else 0o600)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _hand_over(folder)


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        _as_nobody(command),
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if done.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed:\n{done.stderr[-2000:]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _stop(pid: int, how: signal.Signals = signal.SIGTERM) -> None:
    """Stop a server that may be no child of this process, and wait until it is gone."""
    if how is signal.SIGTERM:
        # "Fast shutdown" to PostgreSQL, and a plain stop to Valkey.
        how = signal.SIGINT
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, how)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _is_alive(pid):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.01)
    if _is_alive(pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
