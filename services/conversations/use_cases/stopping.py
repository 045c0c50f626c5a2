"""Stopping an attempt at an answer in the middle, because somebody has cancelled the question."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class AnswerStopped(Exception):
    """The attempt was stopped; what there is of the answer is kept."""


class Stop:
    """The wish that one attempt ends.

    It cuts short what happens within `heeded`, and nothing else: an answer that is being stored is
    past stopping.
    """

    def __init__(self) -> None:
        self.asked = False
        self._task: asyncio.Task[object] | None = None

    def ask(self) -> None:
        """Have the attempt end, if it is not ending anyway."""
        if self.asked:
            return
        self.asked = True
        if self._task is not None:
            self._task.cancel()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Let the block be cut short.

        Raises:
            AnswerStopped: It was, or was to be from the start.
        """
        too_late = self.asked
        if too_late:
            raise AnswerStopped
        task = self._task = asyncio.current_task()
        try:
            yield
        except asyncio.CancelledError:
            # Somebody else may want the task to end besides; then it does.
            if not self.asked or task is None or task.uncancel() > 0:
                raise
            raise AnswerStopped from None
        finally:
            self._task = None
