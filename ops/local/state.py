"""What the launcher tells the commands beside it, through one file.

`make up`, `make status`, `make logs` and `make down` are other processes than the launcher; they
read this file, and the launcher replaces it whenever something changes.
"""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import psutil

from ops.local.home import read_json


class PartState(StrEnum):
    """Where a part is on its way up."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    RESTARTING = "restarting"
    FAILED = "failed"
    STOPPED = "stopped"


class Phase(StrEnum):
    """Where the whole stack is."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    FAILED = "failed"


@dataclass(kw_only=True)
class PartStatus:
    """One process, or one step that has to be done before others start.

    Attributes:
        essential: False for what the stack can be called ready without.
    """

    name: str
    essential: bool = True
    state: PartState = PartState.WAITING
    pid: int | None = None
    started_at: float | None = None
    port: int | None = None
    restarts: int = 0
    detail: str = ""


@dataclass(kw_only=True)
class StackState:
    """The whole stack.

    Attributes:
        error: The sentence to show when `phase` is `failed`.
        seconds_to_ready: From the launcher's start until every part was ready.
    """

    pid: int
    phase: Phase = Phase.STARTING
    url: str = ""
    error: str = ""
    seconds_to_ready: float | None = None
    notes: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    parts: dict[str, PartStatus] = field(default_factory=dict)

    @property
    def gateway_port(self) -> int | None:
        """The port that people use; None before it is known."""
        gateway = self.parts.get("gateway")
        return gateway.port if gateway is not None else None

    def write(self, path: Path) -> None:
        """Replace the file in one step, so that readers never see half of it."""
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps(asdict(self), indent=1))
        scratch.replace(path)

    @classmethod
    def read(cls, path: Path) -> "StackState | None":
        """Return the last state written; None when there is none, or another version wrote it."""
        content = read_json(path)
        try:
            parts = content.pop("parts")
            if not isinstance(parts, dict):
                return None
            state = cls(**content)  # type: ignore[arg-type]  # a foreign file fails below
            state.phase = Phase(state.phase)
            for name, part in parts.items():
                state.parts[name] = PartStatus(**part)
                state.parts[name].state = PartState(state.parts[name].state)
        except (KeyError, TypeError, ValueError):
            return None
        return state


def same_process(pid: int | None, started_at: float | None) -> bool:
    """Tell whether `pid` is still the process that was recorded; pids are used again."""
    if pid is None or started_at is None:
        return False
    try:
        process = psutil.Process(pid)
        alive: bool = process.status() != psutil.STATUS_ZOMBIE
        return alive and abs(process.create_time() - started_at) < 1.0
    except psutil.Error:
        return False


def start_time(pid: int) -> float | None:
    """Return when a process started; None when it is gone already."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def memory_bytes(pid: int) -> int | None:
    """Return a process's share of memory (PSS on Linux, resident elsewhere); None if unknown."""
    try:
        process = psutil.Process(pid)
        try:
            info = process.memory_full_info()
        except psutil.AccessDenied:
            # A process that keeps its secrets from its children keeps this from us, too.
            return int(process.memory_info().rss)
    except (psutil.Error, OSError):
        return None
    return int(getattr(info, "pss", info.rss))
