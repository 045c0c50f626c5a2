"""Showing the way up: a list that fills in on a terminal, a line for each change elsewhere."""

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from ops.local.state import PartState, StackState

FINISHED = {PartState.READY, PartState.DONE}
WORDS = {
    "model-files": "fetching the models (72 MB)",
    "initdb": "creating the database",
    "migrate": "preparing the database",
    "models": "loading the models",
}


class Progress:
    """Follows a starting stack."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._seen: dict[str, str] = {}
        self._finished_after: dict[str, float] = {}
        self._live = Live(console=console, refresh_per_second=10) if console.is_terminal else None
        self._spinner = Spinner("dots")
        self.waiting_for: list[str] = []

    def __enter__(self) -> "Progress":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, state: StackState) -> None:
        """Show what has changed since the last time."""
        elapsed = time.monotonic() - self._started
        self.waiting_for = []
        for part in state.parts.values():
            if part.state in FINISHED:
                self._finished_after.setdefault(part.name, elapsed)
            else:
                self.waiting_for.append(part.name)
        for note in state.notes:
            if self._seen.setdefault(note, "") == "":
                self._seen[note] = "shown"
                self._console.print(note)
        if self._live is not None:
            self._live.update(self._table(state))
            return
        for part in state.parts.values():
            told = part.state.value + part.detail
            if self._seen.get(part.name) == told or part.state is PartState.WAITING:
                continue
            self._seen[part.name] = told
            if part.state in FINISHED:
                self._console.print(f"  {part.name}: {part.state} after {elapsed:.1f} s")
            elif part.state is PartState.RESTARTING:
                self._console.print(f"  {part.name}: {part.detail}, starting again")
            elif part.name in WORDS:
                self._console.print(f"  {part.name}: {WORDS[part.name]}")

    def _table(self, state: StackState) -> Table:
        table = Table.grid(padding=(0, 1))
        for part in state.parts.values():
            if part.state in FINISHED:
                after = f"{self._finished_after[part.name]:.1f} s"
                table.add_row("[green]✓[/]", part.name, f"[dim]{after}[/]")
            elif part.state is PartState.WAITING:
                table.add_row("[dim]·[/]", f"[dim]{part.name}[/]", "")
            else:
                text = part.detail or WORDS.get(part.name, "")
                table.add_row(self._spinner, part.name, f"[dim]{text}[/]")
        return table
