"""Counting refusals."""

import asyncio
from uuid import UUID, uuid4

import pytest

from libs.common import denials
from libs.common.denials import Denial, DenialLog
from libs.common.resources import open_redis
from libs.common.security import Caller, CallerKind


def refusal(number: int, tenant_id: UUID) -> Denial:
    """Return one of many that differ."""
    caller = Caller(kind=CallerKind.SERVICE, tenant_id=tenant_id, scopes=frozenset())
    return Denial(
        caller=caller,
        method="GET",
        route="/api/v1/agent/{agent_id}",
        reason="not_found",
        address=f"192.0.2.{number}",
    )


async def test_an_outage_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "MAX_PENDING", 3)
    # Nothing listens there.
    log = DenialLog(open_redis("redis://127.0.0.1:1"), service="agents")
    tenant_id = uuid4()

    async with asyncio.timeout(10):
        for start in (0, 3, 6, 9):
            flushing = asyncio.create_task(log.flush())
            # While it tries to send, others are refused.
            await asyncio.sleep(0)
            for number in range(start, start + 3):
                log.note(refusal(number, tenant_id))
            await flushing

    assert len(log.noted) == 3
