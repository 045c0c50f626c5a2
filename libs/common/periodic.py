"""Work by the clock, apart from the other replicas' moments, which began with ours."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from libs.common.errors import Unavailable
from libs.common.telemetry.logging import get_logger

log = get_logger(__name__)


def jittered(seconds: float, low: float = 0.5, high: float = 1.5) -> float:
    """Return `seconds` times something between `low` and `high`."""
    return seconds * random.uniform(low, high)  # noqa: S311 - spreads load, and keeps no secret


async def repeat(
    work: Callable[[], Awaitable[object]],
    *,
    every_seconds: float,
    waits: str,
    low: float = 0.5,
    high: float = 1.5,
) -> None:
    """Rest, work, and so on for ever; outages are waited out.

    Args:
        work: One round of it; may end in `Unavailable`.
        every_seconds: How long each rest is, times something between `low` and `high`.
        waits: What is logged at an outage.
        low: See `every_seconds`.
        high: See `every_seconds`.
    """
    while True:
        await asyncio.sleep(jittered(every_seconds, low, high))
        try:
            await work()
        except Unavailable as error:
            log.warning(waits, reason=error.code)
