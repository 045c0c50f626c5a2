"""Handing events to their handlers, once each: the event's id is kept with its effect.

All events of a tenant in a batch share one transaction. When it fails they are tried one by one,
so that one bad event does not hold up its neighbours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import bound_contextvars

from libs.common.database import Database
from libs.common.database.connection import Connection
from libs.common.events.envelope import Event, EventEnvelope
from libs.common.events.outbox import driver_connection
from libs.common.telemetry.tracing import continue_trace, continue_traces

Handler = Callable[[Any, EventEnvelope, AsyncSession], Awaitable[None]]
"""Handles an event inside a transaction of its tenant; what it writes there happens once.

It takes the event, its envelope, and the session; it commits nothing and calls nobody outside.
"""

_RECEIVE: Final = """
INSERT INTO inbox (tenant_id, consumer, event_id)
SELECT $1, $2, id FROM unnest($3::uuid[]) AS id
ON CONFLICT DO NOTHING
RETURNING event_id
"""

# Locks the aggregates and tells the versions seen so far, in one order for all consumers.
_LOCK_VERSIONS: Final = """
INSERT INTO aggregate_versions AS seen (tenant_id, consumer, aggregate_id, version)
SELECT $1, $2, id, 0 FROM unnest($3::uuid[]) AS id ORDER BY id
ON CONFLICT (tenant_id, consumer, aggregate_id) DO UPDATE SET version = seen.version
RETURNING aggregate_id, version
"""

_SET_VERSIONS: Final = """
UPDATE aggregate_versions AS seen SET version = newer.version
FROM unnest($3::uuid[], $4::bigint[]) AS newer (aggregate_id, version)
WHERE seen.tenant_id = $1 AND seen.consumer = $2 AND seen.aggregate_id = newer.aggregate_id
"""


@dataclass(frozen=True, slots=True)
class EveryOne:
    """Wraps a handler that wants each event, also when a newer one of the aggregate came first.

    For what counts or adds up. A handler that is not wrapped copies state, and is not shown what
    is out of date.
    """

    handler: Handler


@dataclass(frozen=True, slots=True)
class Delivered:
    """An event that came out of a stream."""

    event: Event
    envelope: EventEnvelope


@dataclass(frozen=True, slots=True)
class Together:
    """Wraps a handler of many events at once; it is shown every one, like `EveryOne`.

    For what comes with each question: it gets all that a batch has for it in one call, after the
    events that are handled one by one. They are of one tenant, in no particular order.
    """

    handler: Callable[[Sequence[Delivered], AsyncSession], Awaitable[None]]


Handlers = Mapping[type[Event], Handler | EveryOne | Together]


class Delivery:
    """Runs a consumer's handlers."""

    def __init__(self, database: Database, consumer: str, handlers: Handlers) -> None:
        self._database = database
        self._consumer = consumer
        self._handlers = {kind.event_name: handler for kind, handler in handlers.items()}
        # Where nobody copies state, nobody has to know which event of an aggregate is the newest.
        self._ordered = {
            _aggregate_kind(name)
            for name, handler in self._handlers.items()
            if not isinstance(handler, EveryOne | Together)
        }

    async def deliver(self, tenant_id: UUID, batch: Sequence[Delivered]) -> None:
        """Handle events of one tenant in one transaction; those seen before are left out.

        Raises:
            DatabaseUnavailable: PostgreSQL is out of reach; nothing has happened.
            Exception: What a handler raised; nothing has happened.
        """
        async with self._database.session(tenant_id) as session:
            connection = await driver_connection(session)
            ids = [one.envelope.id for one in batch]
            fresh = {
                row["event_id"]
                for row in await connection.fetch(_RECEIVE, tenant_id, self._consumer, ids)
            }
            new: list[Delivered] = []
            for one in batch:
                if one.envelope.id in fresh:
                    # A second copy within the batch is not fresh any more.
                    fresh.discard(one.envelope.id)
                    new.append(one)
            together: defaultdict[Together, list[Delivered]] = defaultdict(list)
            for one in await self._leave_out_older(connection, tenant_id, new):
                handler = self._handlers[one.envelope.name]
                if isinstance(handler, Together):
                    together[handler].append(one)
                else:
                    await self._handle(one, handler, session)
            for joint, events in together.items():
                traces = ((e.envelope.traceparent, f"consume {e.envelope.name}") for e in events)
                with (
                    bound_contextvars(tenant_id=str(tenant_id), events=len(events)),
                    continue_traces(traces),
                ):
                    await joint.handler(events, session)

    async def _handle(
        self, one: Delivered, handler: Handler | EveryOne, session: AsyncSession
    ) -> None:
        if isinstance(handler, EveryOne):
            handler = handler.handler
        with (
            bound_contextvars(tenant_id=str(one.envelope.tenant_id), event=one.envelope.name),
            continue_trace(one.envelope.traceparent, f"consume {one.envelope.name}"),
        ):
            await handler(one.event, one.envelope, session)

    async def _leave_out_older(
        self, connection: Connection, tenant_id: UUID, batch: Sequence[Delivered]
    ) -> Sequence[Delivered]:
        versioned = {
            one.envelope.aggregate_id
            for one in batch
            if one.envelope.aggregate_id is not None
            and one.envelope.aggregate_version > 0
            and _aggregate_kind(one.envelope.name) in self._ordered
        }
        if not versioned:
            return batch
        key = (tenant_id, self._consumer)
        seen: dict[UUID, int] = {
            row["aggregate_id"]: row["version"]
            for row in await connection.fetch(_LOCK_VERSIONS, *key, list(versioned))
        }
        wanted = []
        for one in batch:
            aggregate_id, version = one.envelope.aggregate_id, one.envelope.aggregate_version
            if aggregate_id in seen and version > 0:
                every_one = isinstance(self._handlers[one.envelope.name], EveryOne | Together)
                if version < seen[aggregate_id] and not every_one:
                    continue
                seen[aggregate_id] = max(version, seen[aggregate_id])
            wanted.append(one)
        await connection.execute(_SET_VERSIONS, *key, list(seen), list(seen.values()))
        return wanted


def _aggregate_kind(event_name: str) -> str:
    """Return what an event is about: `answer` of `answer.completed`."""
    return event_name.partition(".")[0]
