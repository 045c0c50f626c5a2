"""The launcher's end of the nursery (see `nursery.py`)."""

import asyncio
import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ops.local.nursery import PADDING
from ops.local.process import Program, spawn
from ops.paths import ROOT

PR_SET_CHILD_SUBREAPER = 36


def become_reaper() -> bool:
    """Make orphans of our descendants our children; False where the system knows no such thing."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


class Nursery:
    """Starts the nursery and asks it for processes."""

    def __init__(self, *, log: Path, environment: Mapping[str, str]) -> None:
        self._log = log
        self._environment = environment
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._turn = asyncio.Lock()
        self.ready = False

    async def start(self) -> subprocess.Popen[bytes]:
        """Start the nursery itself, again if it has died."""
        if self._writer is not None:
            self._writer.close()
        self.ready = False
        ours, theirs = socket.socketpair()
        program = Program(
            name="nursery",
            command=(sys.executable, "-m", "ops.local.nursery", str(theirs.fileno()), PADDING),
            directory=ROOT,
            log=self._log,
            environment=self._environment,
        )
        process = spawn(program, pass_fds=(theirs.fileno(),))
        theirs.close()
        self._reader, self._writer = await asyncio.open_connection(sock=ours)
        return process

    async def is_ready(self, _pid: int) -> bool:
        """Tell whether everything is imported."""
        if not self.ready and self._reader is not None:
            try:
                self.ready = bool(await asyncio.wait_for(self._reader.readline(), timeout=60))
            except (TimeoutError, ConnectionError):
                return False
        return self.ready

    async def fork(
        self, name: str, module: str, *, environment: Mapping[str, str], log: Path
    ) -> int:
        """Start a process that runs `module`; return its pid. It is a child of ours.

        Raises:
            ConnectionError: the nursery is gone; it is being started again.
        """
        request = {
            "name": name,
            "module": module,
            "environment": environment,
            "log": os.fspath(log),
        }
        async with self._turn:
            if self._reader is None or self._writer is None or not self.ready:
                raise ConnectionError("the nursery is not ready")
            self._writer.write(json.dumps(request, default=dict).encode() + b"\n")
            await self._writer.drain()
            answer = await self._reader.readline()
            if not answer:
                self.ready = False
                raise ConnectionError("the nursery is gone")
            return int(json.loads(answer)["pid"])
