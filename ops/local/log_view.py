"""`make logs`: the logs of all processes in one stream, each line with its process's name."""

import os
import time
from pathlib import Path
from typing import BinaryIO

import typer

from ops.errors import OpsError

LAST_BYTES = 8_192
POLL_SECONDS = 0.3


def show_logs(folder: Path, name: str | None, *, follow: bool) -> None:
    """Print the end of the logs, and what is added while following.

    Raises:
        OpsError: there is no such log.
    """
    files = sorted(folder.glob("*.log")) if name is None else [folder / f"{name}.log"]
    if not files or not files[0].exists():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.log")))
        if not known:
            raise OpsError(f"There are no logs in {folder}: nothing has been started there yet.")
        raise OpsError(f"There is no log of {name}; there are: {known}.")
    width = max(len(file.stem) for file in files)
    opened: list[tuple[str, BinaryIO]] = []
    for file in files:
        stream: BinaryIO = file.open("rb")
        stream.seek(max(0, file.stat().st_size - LAST_BYTES))
        if stream.tell():
            stream.readline()  # the rest of a line whose beginning we skipped
        opened.append(("" if name else file.stem.ljust(width) + " | ", stream))
    while True:
        quiet = True
        for prefix, stream in opened:
            if os.fstat(stream.fileno()).st_size < stream.tell():
                stream.seek(0)  # it was cut: what was in it is in `.log.1` now
            for line in stream:
                quiet = False
                typer.echo(prefix + line.decode(errors="replace").rstrip("\n"))
        if not follow:
            return
        if quiet:
            time.sleep(POLL_SECONDS)
