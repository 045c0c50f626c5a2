"""The cast of the event tests: a sender, a reader, and events of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from redis.asyncio import Redis
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database import Database
from libs.common.events.consumer import Consumer
from libs.common.events.envelope import Event, EventEnvelope
from libs.common.events.relay import Relay
from libs.common.events.streams import ensure_group
from libs.common.unit_of_work import UnitOfWork
from tests.conftest import OpenDatabase


class LampLit(Event, topic="sample", name="test.lamp_lit"):
    """A lamp was lit."""

    watts: int


class LampMoved(Event, topic="sample", name="test.lamp_moved"):
    """A lamp stands elsewhere."""

    place: int


class LampStolen(Event, topic="police", name="test.lamp_stolen"):
    """A lamp is gone; for readers who want to hear of nothing else."""

    lamp: int


class Recorder:
    """A handler that remembers what it handled, and fails when told to."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.envelopes: list[EventEnvelope] = []
        self.poison: set[int] = set()
        self.calls = 0

    async def __call__(
        self, event: LampLit | LampMoved, envelope: EventEnvelope, session: AsyncSession
    ) -> None:
        """Remember the event if its transaction is committed."""
        self.calls += 1
        await session.execute(text("SELECT 1"))
        if isinstance(event, LampLit) and event.watts in self.poison:
            raise RuntimeError("cannot handle this one")
        sqlalchemy_event.listen(
            session.sync_session, "after_commit", lambda _: self._keep(event, envelope)
        )

    def _keep(self, event: Event, envelope: EventEnvelope) -> None:
        self.events.append(event)
        self.envelopes.append(envelope)

    @property
    def watts(self) -> list[int]:
        """Of the lamps that were lit, in the order they came."""
        return [event.watts for event in self.events if isinstance(event, LampLit)]


@pytest.fixture
async def database(open_fresh_database: OpenDatabase) -> Database:
    """A database of this test alone."""
    return await open_fresh_database("sample")


@pytest.fixture
async def relay(database: Database, redis: Redis) -> Relay:
    """The sender's relay."""
    return Relay(database, redis, "sample")


async def light(database: Database, tenant_id: UUID, *watts: int) -> None:
    """Record events as a service does."""
    async with UnitOfWork(database, tenant_id) as uow:
        for one in watts:
            uow.outbox.record(LampLit(watts=one))


async def unpublished(database: Database) -> int:
    """Count what waits in the outbox."""
    async with database.lean_cross_tenant() as connection:
        return int(
            await connection.fetchval("SELECT count(*) FROM outbox WHERE published_at IS NULL")
        )


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
    """Return a reader of lamps that claims at once what has failed."""
    handlers: dict[type[Event], Recorder] = {LampLit: recorder, LampMoved: recorder}
    return Consumer(redis, database, "reader", handlers, claim_idle_seconds=0)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.01)
