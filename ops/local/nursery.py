"""One process that has imported what all services need, and forks the services.

Ten Python processes that import FastAPI, SQLAlchemy and their kin one by one take 12 CPU-seconds
and 800 MB; forked from one that has done so they take 3 and share most of their memory. Each is a
process of its own all the same: own environment, own log, own pid, a child of the launcher (the
nursery forks twice, and the launcher is the reaper of its descendants), so `kill -9` and restarts
work as if it had been started by itself. Linux only; elsewhere the launcher starts them one by one.

Nothing here may start a thread or an event loop before forking.

Protocol: one JSON object a line on the socket whose number is the first argument.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_NAME: Final = 15

# Room for the command lines of the children, which are written over ours.
PADDING: Final = "." * 160

# Whatever most services import. A module that is missing here costs time, not correctness.
MODULES: Final = (
    "aiohttp",
    "alembic",
    "asyncpg",
    "arq",
    "cryptography.hazmat.primitives.ciphers.aead",
    "email.mime.multipart",
    "fastapi",
    "fastapi.middleware.cors",
    "httptools",
    "jose.jwt",
    "libs.common.contract",
    "libs.common.database",
    "libs.common.events",
    "libs.common.health",
    "libs.common.readiness",
    "libs.common.http",
    "libs.common.jobs",
    "libs.common.process",
    "libs.common.rate_limits",
    "libs.common.resources",
    "libs.common.security",
    "libs.common.settings",
    "libs.common.telemetry",
    "libs.common.unit_of_work",
    "opentelemetry.sdk.trace",
    "orjson",
    "prometheus_fastapi_instrumentator",
    "pydantic_settings",
    "redis.asyncio",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "sqlalchemy.ext.asyncio",
    "sqlalchemy.orm",
    "structlog",
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)


def main() -> int:
    """Import, then fork a process for each request until the launcher hangs up."""
    launcher = os.getppid()
    connection = socket.socket(fileno=int(sys.argv[1]))
    for module in MODULES:
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"nursery: {error}", file=sys.stderr, flush=True)
    if threading.active_count() > 1:
        names = ", ".join(thread.name for thread in threading.enumerate())
        print(f"nursery: an import started threads: {names}", file=sys.stderr, flush=True)
        return 1
    gc.collect()
    # Objects that the collector never visits again keep their pages shared.
    gc.freeze()
    requests = connection.makefile("rb")
    connection.sendall(b'{"ready": true}\n')
    while line := requests.readline():
        request = json.loads(line)
        pid = fork_twice(launcher)
        if pid == 0:
            requests.close()
            connection.close()
            return become(request)
        connection.sendall(json.dumps({"name": request["name"], "pid": pid}).encode() + b"\n")
    return 0


def fork_twice(launcher: int) -> int:
    """Fork a process whose parent is the launcher; 0 in it, its pid in the nursery."""
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        child = os.fork()
        if child != 0:
            os.write(writer, str(child).encode())
            os._exit(0)
        os.close(reader)
        os.close(writer)
        adopt(launcher)
        return 0
    os.close(writer)
    os.waitpid(middle, 0)
    pid = int(os.read(reader, 32))
    os.close(reader)
    return pid


def adopt(launcher: int) -> None:
    """Wait to become the launcher's child, and ask to be told when it dies."""
    while os.getppid() != launcher:
        time.sleep(0.0005)
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != launcher:
        os._exit(1)


def become(request: dict[str, object]) -> int:
    """Run a module as `python -m` would, with the environment and the log of the request."""
    module = str(request["module"])
    environment = request["environment"]
    if not isinstance(environment, dict):
        raise TypeError("the environment is an object of strings")
    os.setsid()
    log = os.open(str(request["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a file, not a fake
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    name_process(str(request["name"]), f"{sys.executable} -m {module}")
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def name_process(name: str, command: str) -> None:
    """Make `ps` show what this process is rather than that it came from here."""
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    try:
        # Fields 48 and 49 of proc(5): where the kernel reads the command line.
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        begin, end = int(fields[45]), int(fields[46])
    except (OSError, ValueError, IndexError):
        return
    size = end - begin
    if begin and size > 0:
        words = command.replace(" ", "\0").encode()[: size - 1]
        ctypes.memmove(begin, words.ljust(size, b"\0"), size)


if __name__ == "__main__":
    sys.exit(main())
