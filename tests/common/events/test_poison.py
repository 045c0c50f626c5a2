"""Events that cannot be handled end as dead letters, and outages are nobody's fault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import UUID

import pytest
from redis.asyncio import Redis

from libs.common.database import Database, DatabaseUnavailable
from libs.common.events.consumer import Consumer
from libs.common.events.dead_letters import list_dead_letters, replay_dead_letters
from libs.common.events.relay import Relay
from libs.common.events.streams import ENTRY_FIELD, ensure_group
from tests.common.events.conftest import (
    Recorder,
    light,
    make_consumer,
)


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
