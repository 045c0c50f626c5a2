"""Consumers: one effect for each event, whatever is delivered how often and in what order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database import Database, DatabaseUnavailable
from libs.common.events.consumer import Consumer
from libs.common.events.dead_letters import list_dead_letters, replay_dead_letters
from libs.common.events.delivery import EveryOne
from libs.common.events.envelope import Event, EventEnvelope
from libs.common.events.relay import Relay
from libs.common.events.streams import ENTRY_FIELD, ensure_group
from libs.common.telemetry.tracing import continue_trace, current_trace_id
from libs.common.unit_of_work import UnitOfWork
from tests.common.events.conftest import LampLit, LampMoved, Recorder, light

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def recorder() -> Recorder:
    """What the consumer has handled."""
    return Recorder()


@pytest.fixture
async def consumer(redis: Redis, database: Database, recorder: Recorder) -> Consumer:
    """A consumer that claims at once what has failed."""
    await ensure_group(redis, "sample", "reader")
    return make_consumer(redis, database, recorder)


def make_consumer(redis: Redis, database: Database, recorder: Recorder) -> Consumer:
    handlers: dict[type[Event], Recorder] = {LampLit: recorder, LampMoved: recorder}
    return Consumer(redis, database, "reader", handlers, claim_idle_seconds=0)


class TestRead:
    async def test_handles_each_event_in_its_tenant(
        self,
        database: Database,
        relay: Relay,
        consumer: Consumer,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
    ) -> None:
        acme, globex = make_tenant(), make_tenant()
        await light(database, acme, 1, 2)
        await light(database, globex, 3)
        await relay.publish()

        assert await consumer.read() == 3

        assert [one.tenant_id for one in recorder.envelopes] == [acme, acme, globex]
        assert recorder.watts == [1, 2, 3]
        assert (await redis.xpending("events:sample", "reader"))["pending"] == 0

    async def test_continues_the_senders_trace(
        self, database: Database, relay: Relay, redis: Redis, make_tenant: Callable[[], UUID]
    ) -> None:
        traces: list[str | None] = []

        async def handler(event: LampLit, envelope: EventEnvelope, session: AsyncSession) -> None:
            traces.append(current_trace_id())

        await ensure_group(redis, "sample", "reader")
        with continue_trace(f"00-{TRACE_ID}-b7ad6b7169203331-01"):
            await light(database, make_tenant(), 1)
        await relay.publish()
        await Consumer(redis, database, "reader", {LampLit: handler}).read()

        assert traces == [TRACE_ID]

    async def test_skips_events_it_has_no_handler_for(
        self, database: Database, relay: Relay, redis: Redis, make_tenant: Callable[[], UUID]
    ) -> None:
        recorder = Recorder()
        await ensure_group(redis, "sample", "reader")
        consumer = Consumer(redis, database, "reader", {LampMoved: recorder})
        await light(database, make_tenant(), 1)
        await relay.publish()

        assert await consumer.read() == 1
        assert recorder.calls == 0
        assert (await redis.xpending("events:sample", "reader"))["pending"] == 0


class TestOnce:
    async def test_the_whole_stream_twice_more_and_shuffled_changes_nothing(
        self,
        database: Database,
        relay: Relay,
        consumer: Consumer,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
    ) -> None:
        for tenant in (make_tenant(), make_tenant(), make_tenant()):
            await light(database, tenant, *range(40))
        await relay.publish()
        await consumer.read()
        copies = [fields for _, fields in await redis.xrange("events:sample")] * 2
        random.Random(7).shuffle(copies)
        for fields in copies:
            await redis.xadd("events:sample", fields)

        while await consumer.read():
            pass

        assert sorted(recorder.watts) == sorted([*range(40)] * 3)

    async def test_an_effect_is_undone_with_its_transaction_and_then_done_once(
        self,
        database: Database,
        relay: Relay,
        redis: Redis,
        make_tenant: Callable[[], UUID],
    ) -> None:
        acme, failures = make_tenant(), iter([True, False])

        async def handler(event: LampLit, envelope: EventEnvelope, session: AsyncSession) -> None:
            row = {"tenant_id": acme, "id": uuid4()}
            await session.execute(
                text("INSERT INTO job_turns (tenant_id) VALUES (:tenant_id)"), row
            )
            if next(failures):
                raise RuntimeError("after the effect")

        await ensure_group(redis, "sample", "reader")
        consumer = Consumer(redis, database, "reader", {LampLit: handler}, claim_idle_seconds=0)
        await light(database, acme, 1)
        await relay.publish()
        await consumer.read()
        async with database.lean(acme) as connection:
            assert await connection.fetchval("SELECT count(*) FROM job_turns") == 0

        await consumer.claim()
        async with database.lean(acme) as connection:
            assert await connection.fetchval("SELECT count(*) FROM job_turns") == 1

    async def test_an_entry_whose_reader_died_is_taken_over(
        self,
        database: Database,
        relay: Relay,
        consumer: Consumer,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
    ) -> None:
        await light(database, make_tenant(), 1)
        await relay.publish()
        await redis.xreadgroup("reader", "a-dead-one", {"events:sample": ">"})

        assert await consumer.read() == 0
        assert await consumer.claim() == 1
        assert recorder.watts == [1]

    async def test_the_same_event_to_two_processes_has_one_effect(
        self,
        database: Database,
        relay: Relay,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
    ) -> None:
        await ensure_group(redis, "sample", "reader")
        await light(database, make_tenant(), *range(20))
        await relay.publish()
        for _, fields in await redis.xrange("events:sample"):
            await redis.xadd("events:sample", fields)
        one, other = (
            Consumer(redis, database, "reader", {LampLit: recorder}, batch_size=20)
            for _ in range(2)
        )

        await asyncio.gather(one.read(), other.read())

        assert sorted(recorder.watts) == list(range(20))


class TestVersions:
    @pytest.mark.parametrize("together", [True, False])
    async def test_older_versions_of_an_aggregate_are_ignored(
        self,
        database: Database,
        redis: Redis,
        relay: Relay,
        consumer: Consumer,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        together: bool,
    ) -> None:
        acme, lamp, other = make_tenant(), uuid4(), uuid4()
        for place, aggregate_id in ((3, lamp), (1, lamp), (2, other), (4, lamp), (2, lamp)):
            async with UnitOfWork(database, acme) as uow:
                event = LampMoved(place=place)
                uow.outbox.record(event, aggregate_id=aggregate_id, aggregate_version=place)
            await relay.publish()
            if not together:
                await consumer.read()
        await consumer.read()

        places = [event.place for event in recorder.events if isinstance(event, LampMoved)]
        assert places == [3, 2, 4]

    async def test_those_who_count_get_every_one(
        self,
        database: Database,
        redis: Redis,
        relay: Relay,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
    ) -> None:
        acme, lamp = make_tenant(), uuid4()
        await ensure_group(redis, "sample", "reader")
        consumer = Consumer(redis, database, "reader", {LampMoved: EveryOne(recorder)})
        for place in (3, 1, 2):
            async with UnitOfWork(database, acme) as uow:
                event = LampMoved(place=place)
                uow.outbox.record(event, aggregate_id=lamp, aggregate_version=place)
        await relay.publish()
        await consumer.read()

        assert recorder.calls == 3


class TestPoison:
    async def test_ends_as_a_dead_letter_while_its_neighbours_pass(
        self,
        database: Database,
        relay: Relay,
        consumer: Consumer,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
    ) -> None:
        recorder.poison = {13}
        await light(database, make_tenant(), 12, 13, 14)
        await relay.publish()

        await consumer.read()
        assert recorder.watts == [12, 14]
        for _ in range(3):
            await consumer.claim()
            assert await list_dead_letters(redis, "sample") == []
        await consumer.claim()

        (letter,) = await list_dead_letters(redis, "sample")
        assert letter.deliveries == 5
        assert letter.group == "reader"
        assert letter.reason.startswith("RuntimeError at tests.common.events")
        assert letter.envelope is not None
        assert letter.envelope.payload == {"watts": 13}
        assert (await redis.xpending("events:sample", "reader"))["pending"] == 0
        assert await consumer.claim() == 0

    async def test_can_be_replayed_once_its_cause_is_gone(
        self,
        database: Database,
        relay: Relay,
        consumer: Consumer,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
    ) -> None:
        recorder.poison = {13}
        await light(database, make_tenant(), 12, 13)
        await relay.publish()
        await consumer.read()
        for _ in range(4):
            await consumer.claim()
        recorder.poison = set()

        (letter,) = await list_dead_letters(redis, "sample")
        assert await replay_dead_letters(redis, "sample", [letter.id]) == 1
        await consumer.read()

        assert recorder.watts == [12, 13]
        assert await list_dead_letters(redis, "sample") == []

    @pytest.mark.parametrize("data", [b"", b"\xff", b"{}", b"[1]"])
    async def test_what_is_no_event_does_not_stop_the_stream(
        self,
        database: Database,
        relay: Relay,
        consumer: Consumer,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
        data: bytes,
    ) -> None:
        await redis.xadd("events:sample", {ENTRY_FIELD: data})
        await light(database, make_tenant(), 1)
        await relay.publish()

        await consumer.read()
        for _ in range(4):
            await consumer.claim()

        assert recorder.watts == [1]
        (letter,) = await list_dead_letters(redis, "sample")
        assert letter.envelope is None
        assert letter.data == data

    async def test_a_killer_of_its_readers_is_buried_without_another_try(
        self,
        database: Database,
        relay: Relay,
        consumer: Consumer,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
    ) -> None:
        await light(database, make_tenant(), 666, 1)
        await relay.publish()
        await redis.xreadgroup("reader", "dies", {"events:sample": ">"})
        for _ in range(4):
            await redis.xautoclaim("events:sample", "reader", "dies", min_idle_time=0)

        await consumer.claim()

        (letter,) = await list_dead_letters(redis, "sample")
        assert letter.envelope is not None
        assert letter.envelope.payload == {"watts": 666}
        assert recorder.watts == [1]

    async def test_an_outage_of_the_database_is_nobodys_fault(
        self,
        database: Database,
        relay: Relay,
        consumer: Consumer,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("libs.common.events.consumer.RETRY_SECONDS", 0.01)
        deliver, outages = consumer._delivery.deliver, iter(range(7))

        async def deliver_at_last(*arguments: object) -> None:
            if next(outages, None) is not None:
                raise DatabaseUnavailable
            await deliver(*arguments)  # type: ignore[arg-type]  # passed through

        monkeypatch.setattr(consumer._delivery, "deliver", deliver_at_last)
        await light(database, make_tenant(), 1)
        await relay.publish()
        await consumer.read()

        assert recorder.watts == [1]
        assert await list_dead_letters(redis, "sample") == []

    async def test_an_outage_is_no_time_to_take_over(
        self,
        database: Database,
        relay: Relay,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        redis: Redis,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Six idle processes, and one that waits for the database with an entry in its hands."""
        await ensure_group(redis, "sample", "reader")
        await light(database, make_tenant(), 1)
        await relay.publish()

        async def away() -> None:
            raise DatabaseUnavailable

        async def deliver(*_: object) -> None:
            raise DatabaseUnavailable

        monkeypatch.setattr(database, "ping", away)
        consumers = [make_consumer(redis, database, recorder) for _ in range(7)]
        for consumer in consumers:
            monkeypatch.setattr(consumer._delivery, "deliver", deliver)
        running = []
        for consumer in consumers:
            running.append(asyncio.create_task(consumer.run()))
            await asyncio.sleep(0.1)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

        assert await list_dead_letters(redis, "sample") == []


class TestHolding:
    async def test_what_is_being_handled_is_nobody_elses(
        self,
        database: Database,
        relay: Relay,
        redis: Redis,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
    ) -> None:
        began = asyncio.Event()

        async def slow(event: LampLit, envelope: EventEnvelope, session: AsyncSession) -> None:
            began.set()
            await asyncio.sleep(1.0)

        await ensure_group(redis, "sample", "reader")
        await light(database, make_tenant(), 1)
        await relay.publish()
        busy = Consumer(redis, database, "reader", {LampLit: slow}, claim_idle_seconds=0.3)
        idle = Consumer(redis, database, "reader", {LampLit: recorder}, claim_idle_seconds=0.3)
        reading = asyncio.create_task(busy.read())
        await began.wait()
        # Long enough for an entry that nobody holds to look abandoned.
        await asyncio.sleep(0.6)

        assert await idle.claim() == 0

        assert await reading == 1
        assert (await redis.xpending("events:sample", "reader"))["pending"] == 0


class TestRun:
    async def test_a_flush_loses_nothing(
        self,
        database: Database,
        redis: Redis,
        recorder: Recorder,
        make_tenant: Callable[[], UUID],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("libs.common.events.relay.LOOK_SECONDS", 0.1)
        acme = make_tenant()
        relay = Relay(database, redis, "sample")
        consumer = Consumer(redis, database, "reader", {LampLit: recorder}, claim_idle_seconds=0.3)
        loops = [asyncio.create_task(relay.run())]
        try:
            # Published, and lost before anybody read it.
            await light(database, acme, *range(20))
            await until(lambda: redis.exists("events:sample"))
            await redis.flushdb()
            loops.append(asyncio.create_task(consumer.run()))
            await until(lambda: done(recorder, 20))
            # And again, with the groups of a consumer that is at work.
            await light(database, acme, *range(20, 40))
            await redis.flushdb()
            await until(lambda: done(recorder, 40))
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)

        assert sorted(recorder.watts) == list(range(40))


async def done(recorder: Recorder, count: int) -> bool:
    return len(recorder.watts) >= count


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # type: ignore[misc]  # any awaitable
            await asyncio.sleep(0.01)
