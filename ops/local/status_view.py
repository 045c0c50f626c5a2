"""`make status`: every process, what the launcher knows of it, and whether it answers."""

import asyncio
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from ops.local.home import Home
from ops.local.probes import http_status
from ops.local.state import PartState, PartStatus, Phase, StackState, memory_bytes
from ops.services import SERVICES

FINISHED = {PartState.READY, PartState.DONE}


def show_status(home: Home) -> int:
    """Print a table of the processes; the exit code is 0 when all are ready."""
    console = Console()
    state = StackState.read(home.state)
    if state is None or not home.locked():
        console.print(f"Nothing is running in {home.folder}.")
        return 3
    shown = [part for part in state.parts.values() if part.state is not PartState.DONE]
    words = asyncio.run(_ask_all(shown))
    table = Table(box=None, pad_edge=False)
    for column in ("process", "state", "pid", "port", "memory", "restarts"):
        table.add_column(column, justify="left" if column in {"process", "state"} else "right")
    total = 0
    for part in shown:
        memory = memory_bytes(part.pid) if part.pid is not None else None
        total += memory or 0
        table.add_row(
            part.name,
            words[part.name],
            str(part.pid or ""),
            str(part.port or ""),
            f"{memory / 2**20:.0f} MiB" if memory else "",
            str(part.restarts or ""),
        )
    console.print(table)
    ailing = [part.name for part in shown if part.essential and words[part.name] not in FINISHED]
    ready = state.phase is Phase.READY and not ailing
    whole = str(state.phase)
    # At the start and at the end nobody expects all of them to be ready.
    if state.phase is Phase.READY and ailing:
        whole = "not ready: " + ", ".join(f"{name} ({words[name]})" for name in ailing)
    console.print(f"\n{state.url}  {whole}, {total / 2**20:.0f} MiB in all", soft_wrap=True)
    return 0 if ready else 1


async def _ask_all(parts: Iterable[PartStatus]) -> dict[str, str]:
    """Return each part's state, as it says itself where it can be asked."""
    parts = list(parts)
    return dict(
        zip((part.name for part in parts), await asyncio.gather(*map(_ask, parts)), strict=True)
    )


async def _ask(part: PartStatus) -> str:
    path = _readiness_path(part.name)
    if part.state is not PartState.READY or part.port is None or path is None:
        return part.state
    # The launcher notices a death at once, and not that a process hangs or has lost its database.
    status = await http_status(part.port, path)
    if status is None:
        return "no answer"
    return part.state if status == 200 else "unready"


def _readiness_path(name: str) -> str | None:
    if name.partition("-")[0] in SERVICES:
        return "/health/ready"
    return "/health" if name in {"models", "chat"} else None
