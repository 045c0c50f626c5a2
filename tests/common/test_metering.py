"""Counting API calls."""

from collections.abc import Callable
from uuid import UUID

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from libs.common.events import EventEnvelope
from libs.common.events.streams import ENTRY_FIELD
from libs.common.metering import UsageMeter


async def sent(redis: Redis) -> list[EventEnvelope]:
    """Return what stands on the usage stream."""
    entries = await redis.xrange("events:usage")
    return [EventEnvelope.from_json(fields[ENTRY_FIELD]) for _, fields in entries]


def count(meter: UsageMeter, tenant_id: UUID, *, status_class: str = "2xx") -> None:
    """Count a call."""
    meter.count(
        tenant_id,
        method="GET",
        route="/api/v1/agent/{agent_id}",
        status_class=status_class,
        duration_ms=1.5,
    )


async def test_counts_are_sent_by_tenant_route_and_outcome(
    redis: Redis, make_tenant: Callable[[], UUID]
) -> None:
    meter = UsageMeter(redis, service="agents")
    acme, globex = make_tenant(), make_tenant()
    for tenant_id in (acme, acme, globex):
        count(meter, tenant_id)
    count(meter, acme, status_class="4xx")

    await meter.flush()
    await meter.flush()

    envelopes = await sent(redis)
    assert {(e.tenant_id, e.payload["status_class"], e.payload["calls"]) for e in envelopes} == {
        (acme, "2xx", 2),
        (globex, "2xx", 1),
        (acme, "4xx", 1),
    }
    assert envelopes[0].name == "api.calls_counted"
    assert envelopes[0].payload["duration_ms"] == 3


async def test_an_outage_is_waited_out(
    redis: Redis, make_tenant: Callable[[], UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = UsageMeter(redis, service="agents")
    tenant_id = make_tenant()
    count(meter, tenant_id)

    async def away(counts: object) -> None:
        raise RedisConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(meter, "_send", away)
        await meter.flush()
    count(meter, tenant_id)
    await meter.flush()

    (envelope,) = await sent(redis)
    assert envelope.payload["calls"] == 2


async def test_the_rest_is_sent_at_the_end(redis: Redis, make_tenant: Callable[[], UUID]) -> None:
    meter = UsageMeter(redis, service="agents")
    await meter.start()
    count(meter, make_tenant())

    await meter.stop()

    assert len(await sent(redis)) == 1
