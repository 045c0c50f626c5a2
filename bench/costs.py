"""What processes cost: CPU seconds and memory of the platform's parts, by name."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

from ops.local.state import memory_bytes

STORES = frozenset({"postgres", "valkey"})
MODELS = frozenset({"models", "chat"})
# Neither services nor workers, nor what they are forked from.
OUTSIDE_MEMORY = STORES | MODELS | {"gateway", "launcher"}


@dataclass(frozen=True)
class Parts:
    """Processes by name, each with all that it has started.

    Attributes:
        roots: Process ids by name of the part.
    """

    roots: Mapping[str, int]

    def cpu_seconds(self) -> dict[str, float]:
        """Return what each part has used so far; the children that are gone are in it."""
        others = set(self.roots.values())
        found = {}
        for name, pid in self.roots.items():
            total = 0.0
            for process in _tree(pid, without=others - {pid}):
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    total += times.user + times.system
                    if process.pid != pid or name != "launcher":
                        total += times.children_user + times.children_system
            found[name] = total
        return found

    def memory_mib(self) -> dict[str, float]:
        """Return each part's share of memory (PSS), in MiB."""
        others = set(self.roots.values())
        found = {}
        for name, pid in self.roots.items():
            total = 0
            for process in _tree(pid, without=others - {pid}):
                total += memory_bytes(process.pid) or 0
            found[name] = total / 2**20
        return found


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the CPU milliseconds of each part between two readings."""
    return {name: 1_000 * (after[name] - before.get(name, 0.0)) for name in after}


def _tree(pid: int, *, without: set[int]) -> Iterator[psutil.Process]:
    """Yield a process and its descendants, leaving out the parts that have names of their own."""
    try:
        process = psutil.Process(pid)
        yield process
        children = process.children()
    except psutil.Error:
        return
    for child in children:
        if child.pid not in without:
            yield from _tree(child.pid, without=without)
