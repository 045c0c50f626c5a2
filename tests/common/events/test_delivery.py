"""Handlers that take a whole batch."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database import Database
from libs.common.events.delivery import Delivered, Delivery, Together
from libs.common.events.envelope import Event, EventEnvelope
from tests.common.events.conftest import LampLit, LampMoved, Recorder


def delivered(tenant_id: UUID, event: Event) -> Delivered:
    """Return an event as it comes out of a stream."""
    envelope = EventEnvelope(
        id=uuid4(),
        name=event.event_name,
        version=event.schema_version,
        tenant_id=tenant_id,
        aggregate_id=None,
        aggregate_version=0,
        occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
        traceparent=None,
        payload=event.model_dump(mode="json"),
    )
    return Delivered(event, envelope)


class Counter:
    """Remembers how many events came with each call."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    async def __call__(self, events: Sequence[Delivered], session: AsyncSession) -> None:
        """Count them."""
        self.calls.append(len(events))


class TestTogether:
    async def test_all_of_a_batch_come_in_one_call(
        self, database: Database, make_tenant: Callable[[], UUID]
    ) -> None:
        acme, counter, recorder = make_tenant(), Counter(), Recorder()
        delivery = Delivery(database, "reader", {LampLit: Together(counter), LampMoved: recorder})
        lit = [delivered(acme, LampLit(watts=watts)) for watts in (12, 13, 14)]
        await delivery.deliver(acme, [*lit, delivered(acme, LampMoved(place=1))])

        assert counter.calls == [3]
        assert recorder.calls == 1

    async def test_what_has_come_before_is_left_out(
        self, database: Database, make_tenant: Callable[[], UUID]
    ) -> None:
        acme, counter = make_tenant(), Counter()
        delivery = Delivery(database, "reader", {LampLit: Together(counter)})
        first, second = (delivered(acme, LampLit(watts=watts)) for watts in (12, 13))
        await delivery.deliver(acme, [first])
        await delivery.deliver(acme, [first, second])
        await delivery.deliver(acme, [first, second])

        assert counter.calls == [1, 1]
