"""Work by the clock goes on after an outage, and after nothing else."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from libs.common.errors import Unavailable
from libs.common.periodic import jittered, repeat


def test_waits_vary_within_their_bounds() -> None:
    waits = {jittered(10, 0.5, 1.5) for _ in range(100)}

    assert len(waits) > 1
    assert min(waits) >= 5
    assert max(waits) <= 15


async def test_an_outage_is_waited_out_and_a_mistake_is_not() -> None:
    outage = Unavailable(code="database_unavailable")
    rounds: Iterator[Exception | None] = iter([None, outage, ZeroDivisionError()])

    async def work() -> None:
        end = next(rounds)
        if end is not None:
            raise end

    with capture_logs() as logs, pytest.raises(ZeroDivisionError):
        await repeat(work, every_seconds=0.001, waits="work_waits")

    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("work_waits", "database_unavailable")
    ]
