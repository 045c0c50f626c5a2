"""The present time, handed to use cases so that tests can say what it is."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present time, with its zone."""
    return datetime.now(UTC)
