"""The outbox: events are rows of the transaction that makes them true, and leave afterwards.

Either the change and its events are both committed or neither is; the relay publishes the rows
later, as often as it takes. They are kept for seven days, so that a consumer can fill a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from libs.common.database.connection import Connection
from libs.common.events.envelope import Event, EventEnvelope
from libs.common.ids import new_id
from libs.common.telemetry.tracing import current_traceparent

MAX_PAGE: Final = 1000
# No statement runs longer than this, and transactions are short.
SETTLED_SECONDS: Final = 30.0

# One statement for any number of events. The microseconds keep the order they were recorded in.
_INSERT: Final = """
INSERT INTO outbox (tenant_id, id, name, version, aggregate_id, aggregate_version, occurred_at,
                    traceparent, payload)
SELECT $1, e.id, e.name, e.version, e.aggregate_id, e.aggregate_version,
       now() + (e.position - 1) * interval '1 microsecond', $7, e.payload::jsonb
FROM unnest($2::uuid[], $3::text[], $4::int[], $5::uuid[], $6::bigint[], $8::text[])
     WITH ORDINALITY AS e(id, name, version, aggregate_id, aggregate_version, payload, position)
"""

_READ: Final = text("""
SELECT id, name, version, tenant_id, aggregate_id, aggregate_version, occurred_at, traceparent,
       payload
FROM outbox
WHERE tenant_id = :tenant_id AND id > :after
  AND occurred_at <= now() - make_interval(secs => :settled)
ORDER BY id
LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event with what it is about."""

    event: Event
    aggregate_id: UUID | None = None
    aggregate_version: int = 0


class Outbox:
    """Where a unit of work records what it made true; written when it commits."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self._session = session
        self._tenant_id = tenant_id
        self._recorded: list[Recorded] = []

    def record(
        self, event: Event, *, aggregate_id: UUID | None = None, aggregate_version: int = 0
    ) -> None:
        """Tell the other services, once this transaction is committed.

        Args:
            event: What happened.
            aggregate_id: The thing whose state the event tells.
            aggregate_version: Its version after the change. Consumers ignore what is older than
                what they have seen; 0 for things without versions, of which all are handled.
        """
        self._recorded.append(Recorded(event, aggregate_id, aggregate_version))

    async def write(self) -> bool:
        """Insert what was recorded; the unit of work calls it before it commits.

        Returns:
            Whether there was anything to write.
        """
        if not self._recorded:
            return False
        recorded, self._recorded = self._recorded, []
        connection = await driver_connection(self._session)
        await record_events(connection, self._tenant_id, recorded)
        return True


async def record_events(
    connection: Connection, tenant_id: UUID, recorded: Sequence[Recorded]
) -> None:
    """Insert events in a lean transaction; afterwards `Wake.events()` makes the relay look.

    Args:
        connection: In a transaction of the tenant.
        tenant_id: Whose events these are.
        recorded: What happened, in order.
    """
    await connection.execute(
        _INSERT,
        tenant_id,
        [new_id() for _ in recorded],
        [one.event.event_name for one in recorded],
        [one.event.schema_version for one in recorded],
        [one.aggregate_id for one in recorded],
        [one.aggregate_version for one in recorded],
        current_traceparent(),
        [one.event.model_dump_json() for one in recorded],
    )


async def read_outbox(
    session: AsyncSession,
    tenant_id: UUID,
    *,
    after: UUID | None,
    limit: int,
    settled_seconds: float = SETTLED_SECONDS,
) -> list[EventEnvelope]:
    """Return a tenant's events of seven days in the order of their ids (which is that of time).

    For `/internal/events`, to fill a gap or rebuild a consumer.

    Args:
        session: In a transaction of the tenant.
        tenant_id: Whose events.
        after: The last id already read; None begins at the oldest.
        limit: At most `MAX_PAGE`.
        settled_seconds: Events younger than this are left for later: a transaction that began
            before them may still commit one with a lower id, which nobody would look for again.
    """
    page = {
        "tenant_id": tenant_id,
        "after": after or UUID(int=0),
        "limit": min(limit, MAX_PAGE),
        "settled": settled_seconds,
    }
    rows = (await session.execute(_READ, page)).mappings()
    return [EventEnvelope(**{**row, "payload": _as_object(row["payload"])}) for row in rows]


async def driver_connection(session: AsyncSession) -> Connection:
    """Return the asyncpg connection of a session's transaction, for statements in bulk."""
    raw = await (await session.connection()).get_raw_connection()
    return cast("Connection", raw.driver_connection)


def _as_object(payload: object) -> object:
    return orjson.loads(payload) if isinstance(payload, str | bytes) else payload
