"""The outbox and its relay, with the faults that lie between them and the stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from uuid import UUID

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from libs.common.database import Database
from libs.common.database.connection import Connection, Record
from libs.common.events.envelope import EventEnvelope
from libs.common.events.outbox import Recorded, read_outbox, record_events
from libs.common.events.relay import Relay
from libs.common.events.streams import ENTRY_FIELD, ensure_group, trim
from libs.common.telemetry.tracing import continue_trace
from libs.common.unit_of_work import UnitOfWork
from libs.common.wake import Nudges, Wake
from tests.common.events.conftest import LampLit, LampStolen, light, unpublished

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def in_stream(redis: Redis) -> list[EventEnvelope]:
    entries = await redis.xrange("events:sample")
    return [EventEnvelope.from_json(fields[ENTRY_FIELD]) for _, fields in entries]


class TestOutbox:
    async def test_keeps_nothing_of_a_transaction_that_fails(
        self, database: Database, make_tenant: Callable[[], UUID]
    ) -> None:
        with pytest.raises(RuntimeError, match="too late"):
            async with UnitOfWork(database, make_tenant()) as uow:
                uow.outbox.record(LampLit(watts=40))
                raise RuntimeError("too late")

        assert await unpublished(database) == 0

    async def test_can_be_read_page_by_page_by_its_tenant_only(
        self, database: Database, make_tenant: Callable[[], UUID]
    ) -> None:
        acme, globex = make_tenant(), make_tenant()
        await light(database, globex, 1)
        await light(database, acme, 10, 20)
        await light(database, acme, 30)

        async with database.session(acme) as session:
            first = await read_outbox(session, acme, after=None, limit=2, settled_seconds=0)
            rest = await read_outbox(session, acme, after=first[-1].id, limit=2, settled_seconds=0)
            unsettled = await read_outbox(session, acme, after=None, limit=2)
            foreign = await read_outbox(session, globex, after=None, limit=2, settled_seconds=0)

        assert sorted(one.payload["watts"] for one in first + rest) == [10, 20, 30]
        assert {one.tenant_id for one in first + rest} == {acme}
        # An older transaction might still add one before these.
        assert unsettled == []
        assert foreign == []

    async def test_takes_events_of_lean_transactions(
        self, database: Database, make_tenant: Callable[[], UUID], relay: Relay, redis: Redis
    ) -> None:
        acme = make_tenant()
        async with database.lean(acme) as connection:
            await record_events(connection, acme, [Recorded(LampLit(watts=7))])

        assert await relay.publish() == 1
        assert [one.payload for one in await in_stream(redis)] == [{"watts": 7}]


class TestRelay:
    async def test_puts_events_of_another_topic_where_they_are_read(
        self, database: Database, make_tenant: Callable[[], UUID], redis: Redis
    ) -> None:
        relay = Relay(database, redis, "sample", topics=("police",))
        async with UnitOfWork(database, make_tenant()) as uow:
            uow.outbox.record(LampLit(watts=1))
            uow.outbox.record(LampStolen(lamp=7))

        assert await relay.publish() == 2

        assert [one.payload for one in await in_stream(redis)] == [{"watts": 1}]
        others = await redis.xrange("events:police")
        assert [EventEnvelope.from_json(one[ENTRY_FIELD]).payload for _, one in others] == [
            {"lamp": 7}
        ]

    async def test_publishes_nothing_that_could_not_be_noted(
        self, database: Database, make_tenant: Callable[[], UUID], redis: Redis
    ) -> None:
        heard: list[str] = []

        async def hear(_connection: Connection, rows: Sequence[Record]) -> None:
            heard.extend(row["name"] for row in rows)
            if len(heard) == 1:
                raise RuntimeError("not now")

        relay = Relay(database, redis, "sample", hears=hear)
        await light(database, make_tenant(), 10)

        with pytest.raises(RuntimeError, match="not now"):
            await relay.publish()
        assert await unpublished(database) == 1
        assert await relay.publish() == 1
        assert heard == ["test.lamp_lit"] * 2

    async def test_publishes_with_envelope_and_order(
        self,
        database: Database,
        make_tenant: Callable[[], UUID],
        relay: Relay,
        redis: Redis,
    ) -> None:
        acme, lamp = make_tenant(), make_tenant()
        with continue_trace(TRACEPARENT):
            async with UnitOfWork(database, acme) as uow:
                uow.outbox.record(LampLit(watts=1), aggregate_id=lamp, aggregate_version=4)
                for watts in range(2, 30):
                    uow.outbox.record(LampLit(watts=watts))

        assert await relay.publish() == 29

        envelopes = await in_stream(redis)
        assert [one.payload["watts"] for one in envelopes] == list(range(1, 30))
        assert (envelopes[0].aggregate_id, envelopes[0].aggregate_version) == (lamp, 4)
        assert envelopes[0].tenant_id == acme
        assert envelopes[0].traceparent == TRACEPARENT
        assert await relay.publish() == 0

    async def test_two_relays_share_the_work(
        self, database: Database, make_tenant: Callable[[], UUID], redis: Redis
    ) -> None:
        acme = make_tenant()
        await light(database, acme, *range(200))
        relays = [Relay(database, redis, "sample", batch_size=20) for _ in range(3)]

        for _ in range(5):
            await asyncio.gather(*(relay.publish() for relay in relays))

        assert await unpublished(database) == 0
        watts = [one.payload["watts"] for one in await in_stream(redis)]
        assert sorted(watts) == list(range(200))

    async def test_publishes_again_after_dying_before_its_commit(
        self,
        database: Database,
        make_tenant: Callable[[], UUID],
        relay: Relay,
        redis: Redis,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        await light(database, make_tenant(), 1, 2)
        put = relay._put

        async def put_and_die(*arguments: object) -> None:
            await put(*arguments)  # type: ignore[arg-type]  # passed through
            raise RedisConnectionError("the process is gone")

        with monkeypatch.context() as patch:
            patch.setattr(relay, "_put", put_and_die)
            with pytest.raises(RedisConnectionError):
                await relay.publish()
        assert await unpublished(database) == 2

        assert await relay.publish() == 2
        envelopes = await in_stream(redis)
        assert len(envelopes) == 4
        assert len({one.id for one in envelopes}) == 2

    async def test_publishes_again_what_a_flush_has_taken(
        self, database: Database, make_tenant: Callable[[], UUID], relay: Relay, redis: Redis
    ) -> None:
        acme = make_tenant()
        await light(database, acme, 1, 2)
        await relay.publish()
        await redis.flushdb()
        await light(database, acme, 3)

        while await relay.publish():
            pass

        assert {one.payload["watts"] for one in await in_stream(redis)} == {1, 2, 3}
        assert await unpublished(database) == 0

    async def test_publishes_again_only_what_somebody_may_still_need(
        self,
        database: Database,
        make_tenant: Callable[[], UUID],
        relay: Relay,
        redis: Redis,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("libs.common.events.relay.TAKE_BACK_BATCH", 10)
        acme = make_tenant()
        await light(database, acme, *range(100))
        await relay.publish()
        async with database.lean_cross_tenant() as connection:
            await connection.execute(
                "UPDATE outbox SET published_at = now() - interval '2 hours'"
                " WHERE (payload ->> 'watts')::int < 70"
            )
        # Every group has acknowledged what was published an hour ago.
        monkeypatch.setattr(relay, "_settled_ms", int((time.time() - 3600) * 1000))
        await redis.flushdb()

        await light(database, acme, 100)
        while await relay.publish():
            pass

        assert {one.payload["watts"] for one in await in_stream(redis)} == set(range(70, 101))

    async def test_notices_at_its_start_that_the_stream_is_gone(
        self, database: Database, make_tenant: Callable[[], UUID], relay: Relay, redis: Redis
    ) -> None:
        await light(database, make_tenant(), 1, 2)
        await relay.publish()
        await redis.flushdb()

        replacement = Relay(database, redis, "sample")
        while await replacement.publish():
            pass

        assert {one.payload["watts"] for one in await in_stream(redis)} == {1, 2}

    async def test_is_woken_by_a_commit(
        self, database: Database, make_tenant: Callable[[], UUID], redis: Redis
    ) -> None:
        nudges, wake = Nudges(redis, "sample"), Wake(redis, "sample")
        relay = Relay(database, redis, "sample", nudge=nudges.events)
        loops = [asyncio.create_task(nudges.run()), asyncio.create_task(relay.run())]
        # Until the listener listens and the relay is at rest.
        await asyncio.sleep(0.4)
        try:
            async with UnitOfWork(database, make_tenant(), wake=wake) as uow:
                uow.outbox.record(LampLit(watts=60))
            async with asyncio.timeout(1.5):
                while not await redis.exists("events:sample"):
                    await asyncio.sleep(0.005)
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await wake.aclose()


class TestTrim:
    async def test_keeps_what_any_group_still_needs(
        self, database: Database, make_tenant: Callable[[], UUID], relay: Relay, redis: Redis
    ) -> None:
        for group in ("quick", "slow", "stuck"):
            await ensure_group(redis, "sample", group)
        await light(database, make_tenant(), *range(300))
        await relay.publish()

        async def read(group: str, count: int, *, acknowledge: bool = True) -> None:
            reply = await redis.xreadgroup(group, "me", {"events:sample": ">"}, count=count)
            ids = [entry_id for entry_id, _ in reply[0][1]]
            await redis.xack("events:sample", group, *(ids if acknowledge else ids[1:]))

        await read("quick", 300)
        await read("slow", 250)
        await read("stuck", 300, acknowledge=False)
        await trim(redis, "sample")
        assert await redis.xlen("events:sample") == 300

        pending = await redis.xpending_range("events:sample", "stuck", "-", "+", 10)
        await redis.xack("events:sample", "stuck", pending[0]["message_id"])
        await trim(redis, "sample")

        # Trimmed by whole nodes of the stream, and never what "slow" has not read.
        assert 50 <= await redis.xlen("events:sample") < 300
        reply = await redis.xreadgroup("slow", "me", {"events:sample": ">"})
        assert len(reply[0][1]) == 50
