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

from libs.common.database import Database
from libs.common.events.consumer import Consumer
from libs.common.events.delivery import EveryOne
from libs.common.events.envelope import EventEnvelope
from libs.common.events.relay import Relay
from libs.common.events.streams import ensure_group
from libs.common.telemetry.tracing import continue_trace, current_trace_id
from libs.common.unit_of_work import UnitOfWork
from tests.common.events.conftest import (
    LampLit,
    LampMoved,
    Recorder,
    light,
    until,
)

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


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
