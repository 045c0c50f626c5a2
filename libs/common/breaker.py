"""A circuit breaker: stop asking a dependency that has just failed several times in a row.

Closed until `threshold` failures in succession; then open for `rest_seconds`, in which calls are
refused at once; then a single trial call decides.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from libs.common.errors import Unavailable


class BreakerOpen(Unavailable):
    """The dependency failed moments ago and is left alone for now."""

    code = "dependency_unavailable"
    message = "A service that this depends on is out of reach at the moment. Try again shortly."


class Breaker:
    """Guards the calls to one dependency.

    Args:
        name: Of the dependency, for messages.
        threshold: Failures in a row that open it.
        rest_seconds: How long calls are refused before one is tried.
        longest_rest_seconds: Each trial that fails doubles the rest, up to this; by default not.
        counts: Says which exceptions are the dependency's failures; others leave the state alone.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        name: str,
        *,
        threshold: int = 5,
        rest_seconds: float = 2.0,
        longest_rest_seconds: float = 0.0,
        counts: Callable[[Exception], bool] = lambda _error: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._threshold = threshold
        self._rest_seconds = rest_seconds
        self._longest_rest_seconds = max(rest_seconds, longest_rest_seconds)
        self._next_rest_seconds = rest_seconds
        self._counts = counts
        self._clock = clock
        self._failures = 0
        self._open_until: float | None = None
        self._trial_running = False

    @property
    def is_open(self) -> bool:
        """Whether a call made now would be refused."""
        if self._open_until is None:
            return False
        return self._trial_running or self._clock() < self._open_until

    @contextmanager
    def call(self) -> Iterator[None]:
        """Guard one call.

        Raises:
            BreakerOpen: The dependency is being left alone.
        """
        if self.is_open:
            raise BreakerOpen(retry_after_seconds=1)
        trial = self._open_until is not None
        self._trial_running = trial
        try:
            yield
        except Exception as error:
            if self._counts(error):
                self._failed(trial=trial)
            elif trial:
                self._succeeded()
            raise
        else:
            self._succeeded()
        finally:
            if trial:
                self._trial_running = False

    def _failed(self, *, trial: bool) -> None:
        self._failures += 1
        # Only trials: many calls that were under way may fail at once, of one short outage.
        if trial:
            self._next_rest_seconds = min(self._longest_rest_seconds, self._next_rest_seconds * 2)
        if self._failures >= self._threshold:
            self._open_until = self._clock() + self._next_rest_seconds

    def _succeeded(self) -> None:
        self._failures = 0
        self._next_rest_seconds = self._rest_seconds
        self._open_until = None
