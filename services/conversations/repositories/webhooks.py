"""The SQL of webhooks: their settings, and the log of what they were told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from libs.common.database import Database
from libs.common.database.connection import Connection, Record
from libs.common.events.catalogue.conversations import WebhookChange, WebhookChanged
from libs.common.events.outbox import Recorded, record_events
from libs.common.ids import new_id
from libs.common.jobs.queue import QueuedJob, add_jobs
from services.conversations.domain.webhooks import (
    GIVEN_UP_AFTER,
    MAX_WEBHOOKS,
    TEST_EVENT,
    DeliverWebhook,
    Delivery,
    Due,
    Outcome,
    Webhook,
)

_NOBODY: Final = UUID(int=0)
_COLUMNS: Final = """id, url, description, events, personal_data, enabled, failing_since,
    disabled_because, created_at, updated_at"""
_LOG_COLUMNS: Final = """id, webhook_id, event_id, event, payload::text AS payload, occurred_at,
    status, attempts, next_attempt_at, last_attempt_at, response_code, error, duration_ms,
    created_at"""
# Two that come at once are counted one after the other.
_ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(hashtextextended('webhooks' || $1::text, 0))"
_ADD: Final = f"""
INSERT INTO webhooks (tenant_id, id, url, description, events, personal_data, enabled, secret)
SELECT $1::uuid, $2::uuid, $3::text, $4::text, $5::text[], $6::boolean, $7::boolean, $8::bytea
WHERE (SELECT count(*) FROM webhooks WHERE tenant_id = $1) < {MAX_WEBHOOKS}
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants of ours
_LIST: Final = f"SELECT {_COLUMNS} FROM webhooks WHERE tenant_id = $1 ORDER BY created_at, id"  # noqa: S608
_SHOW: Final = f"SELECT {_COLUMNS} FROM webhooks WHERE tenant_id = $1 AND id = $2"  # noqa: S608
# Switched on again, it begins with a clean record.
_UPDATE: Final = f"""
UPDATE webhooks
SET url = coalesce($3::text, url), description = coalesce($4::text, description),
    events = coalesce($5::text[], events), personal_data = coalesce($6::boolean, personal_data),
    enabled = coalesce($7::boolean, enabled),
    failing_since = CASE WHEN $7::boolean THEN NULL ELSE failing_since END,
    disabled_because = CASE WHEN $7::boolean THEN NULL ELSE disabled_because END,
    updated_at = now()
WHERE tenant_id = $1 AND id = $2
RETURNING {_COLUMNS}
"""  # noqa: S608 - constants of ours
_DELETE: Final = "DELETE FROM webhooks WHERE tenant_id = $1 AND id = $2 RETURNING id"
_LOCK: Final = "SELECT secret FROM webhooks WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
_ROTATE: Final = """
UPDATE webhooks
SET secret = $3, previous_secret = $4, previous_until = now() + $5::interval, updated_at = now()
WHERE tenant_id = $1 AND id = $2
"""
_NOTE_TEST: Final = f"""
INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, event_id, event, payload, occurred_at)
SELECT tenant_id, $3::uuid, id, $4::uuid, '{TEST_EVENT}', jsonb_build_object('webhook_id', id),
       now()
FROM webhooks WHERE tenant_id = $1 AND id = $2 FOR KEY SHARE
RETURNING {_LOG_COLUMNS}
"""  # noqa: S608 - constants of ours
_LOG: Final = f"""
SELECT {_LOG_COLUMNS} FROM webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND ($3::text IS NULL OR status = $3)
ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5
"""  # noqa: S608 - constants of ours
_COUNT: Final = """
SELECT count(*) FROM webhook_deliveries
WHERE tenant_id = $1 AND webhook_id = $2 AND ($3::text IS NULL OR status = $3)
"""
_AGAIN: Final = f"""
UPDATE webhook_deliveries
SET status = 'pending', tries_began_at = attempts, next_attempt_at = now()
WHERE tenant_id = $1 AND webhook_id = $2 AND id = $3 AND status <> 'pending'
RETURNING {_LOG_COLUMNS}
"""  # noqa: S608 - constants of ours
_ONE_OF_LOG: Final = """
SELECT id FROM webhook_deliveries WHERE tenant_id = $1 AND webhook_id = $2 AND id = $3
"""
_DUE: Final = """
SELECT d.id, d.webhook_id, d.event_id, d.event, d.payload::text AS payload, d.occurred_at,
       d.status, d.attempts, d.next_attempt_at, d.last_attempt_at, d.response_code, d.error,
       d.duration_ms, d.created_at, d.attempts - d.tries_began_at AS tries,
       w.url, w.description, w.events, w.personal_data, w.enabled, w.failing_since,
       w.disabled_because, w.created_at AS made_at, w.updated_at, w.secret,
       CASE WHEN w.previous_until > now() THEN w.previous_secret END AS previous_secret
FROM webhook_deliveries d
JOIN webhooks w ON w.tenant_id = d.tenant_id AND w.id = d.webhook_id
WHERE d.tenant_id = $1 AND d.id = $2 AND d.attempts = $3 AND d.status = 'pending'
"""
# Of two that made the same attempt, one notes it.
_END_ATTEMPT: Final = """
UPDATE webhook_deliveries
SET attempts = attempts + 1, status = $4, response_code = $5, error = $6, duration_ms = $7,
    last_attempt_at = now(), next_attempt_at = now() + $8::interval
WHERE tenant_id = $1 AND id = $2 AND attempts = $3 AND status = 'pending'
RETURNING next_attempt_at
"""
_GIVE_UP: Final = """
UPDATE webhook_deliveries SET status = 'failed', error = $4, next_attempt_at = NULL
WHERE tenant_id = $1 AND id = $2 AND attempts = $3 AND status = 'pending'
"""
_WORKS: Final = """
UPDATE webhooks SET failing_since = NULL
WHERE tenant_id = $1 AND id = $2 AND failing_since IS NOT NULL
"""
_FAILS: Final = """
UPDATE webhooks SET failing_since = now()
WHERE tenant_id = $1 AND id = $2 AND failing_since IS NULL
"""
_SWITCH_OFF: Final = """
UPDATE webhooks SET enabled = false, disabled_because = $3, updated_at = now()
WHERE tenant_id = $1 AND id = $2 AND enabled
  AND ($4::boolean OR failing_since < now() - $5::interval)
RETURNING id
"""


@dataclass(frozen=True)
class WebhookStore:
    """A tenant's webhooks, and what they were told."""

    database: Database

    async def add(
        self,
        tenant_id: UUID,
        webhook_id: UUID,
        values: Mapping[str, Any],
        *,
        secret: bytes,
        by: UUID | None,
    ) -> Webhook | None:
        """Add a webhook; None, and nothing is changed, when there are too many."""
        async with self.database.lean(tenant_id) as connection:
            await connection.execute(_ONE_AT_A_TIME, str(tenant_id))
            row = await connection.fetchrow(_ADD, tenant_id, webhook_id, *_in_order(values), secret)
            if row is None:
                return None
            await _tell(connection, tenant_id, webhook_id, "created", by)
        return _webhook(row)

    async def all(self, tenant_id: UUID) -> list[Webhook]:
        """Return the webhooks, oldest first."""
        async with self.database.lean(tenant_id) as connection:
            return [_webhook(row) for row in await connection.fetch(_LIST, tenant_id)]

    async def show(self, tenant_id: UUID, webhook_id: UUID) -> Webhook | None:
        """Return a webhook; None when there is no such."""
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_SHOW, tenant_id, webhook_id)
        return None if row is None else _webhook(row)

    async def update(
        self, tenant_id: UUID, webhook_id: UUID, changes: Mapping[str, Any], *, by: UUID | None
    ) -> Webhook | None:
        """Change what is named; None when there is no such webhook."""
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_UPDATE, tenant_id, webhook_id, *_in_order(changes))
            if row is None:
                return None
            await _tell(connection, tenant_id, webhook_id, "updated", by)
        return _webhook(row)

    async def delete(self, tenant_id: UUID, webhook_id: UUID, *, by: UUID | None) -> bool:
        """Delete a webhook with its log; False when there is no such."""
        async with self.database.lean(tenant_id) as connection:
            if await connection.fetchrow(_DELETE, tenant_id, webhook_id) is None:
                return False
            await _tell(connection, tenant_id, webhook_id, "deleted", by)
        return True

    async def secret(self, tenant_id: UUID, webhook_id: UUID) -> bytes | None:
        """Return a webhook's encrypted secret; None when there is no such webhook."""
        async with self.database.lean(tenant_id) as connection:
            found: bytes | None = await connection.fetchval(_LOCK, tenant_id, webhook_id)
        return found

    async def rotate(
        self,
        tenant_id: UUID,
        webhook_id: UUID,
        *,
        known: bytes,
        secret: bytes,
        previous: bytes,
        overlap: timedelta,
        by: UUID | None,
    ) -> bool:
        """Put a new secret in the place of the known one; False when that is none any more."""
        async with self.database.lean(tenant_id) as connection:
            if await connection.fetchval(_LOCK, tenant_id, webhook_id) != known:
                return False
            await connection.execute(_ROTATE, tenant_id, webhook_id, secret, previous, overlap)
            await _tell(connection, tenant_id, webhook_id, "secret_rotated", by)
        return True

    async def note_test(self, tenant_id: UUID, webhook_id: UUID) -> Delivery | None:
        """Note a test to be delivered; None when there is no such webhook."""
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_NOTE_TEST, tenant_id, webhook_id, new_id(), new_id())
            return None if row is None else await _queued(connection, tenant_id, row)

    async def again(self, tenant_id: UUID, webhook_id: UUID, delivery_id: UUID) -> Delivery | bool:
        """Have a delivery tried from the start.

        Returns:
            The delivery; True where it is being tried anyway, False where there is no such.
        """
        where = (tenant_id, webhook_id, delivery_id)
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_AGAIN, *where)
            if row is None:
                return await connection.fetchrow(_ONE_OF_LOG, *where) is not None
            return await _queued(connection, tenant_id, row)

    async def log(
        self, tenant_id: UUID, webhook_id: UUID, *, status: str | None, limit: int, offset: int
    ) -> tuple[list[Delivery], int]:
        """Return what a webhook was told, newest first, and how much that is."""
        async with self.database.lean(tenant_id) as connection:
            rows = await connection.fetch(_LOG, tenant_id, webhook_id, status, limit, offset)
            total = await connection.fetchval(_COUNT, tenant_id, webhook_id, status)
        return [_delivery(row) for row in rows], int(total)

    async def due(self, tenant_id: UUID, delivery_id: UUID, *, attempt: int) -> Due | None:
        """Return what an attempt needs; None when it was made, or is not wanted any more."""
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(_DUE, tenant_id, delivery_id, attempt)
        if row is None:
            return None
        fields = {**dict(row.items()), "id": row["webhook_id"], "created_at": row["made_at"]}
        return Due(
            delivery=_delivery(row),
            webhook=Webhook(**{name: fields[name] for name in Webhook.__slots__}),
            tries=row["tries"],
            secret=row["secret"],
            previous_secret=row["previous_secret"],
        )

    async def end_attempt(
        self, tenant_id: UUID, due: Due, outcome: Outcome, *, pause: timedelta | None
    ) -> bool:
        """Note how an attempt ended, and queue the next one.

        Args:
            tenant_id: Whose.
            due: The attempt.
            outcome: How it ended.
            pause: Until the next one; None for none.

        Returns:
            False when another worker has noted it.
        """
        delivery = due.delivery
        failed = outcome.error is not None
        status = "delivered" if not failed else "failed" if pause is None else "pending"
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(
                _END_ATTEMPT,
                tenant_id,
                delivery.id,
                delivery.attempts,
                status,
                outcome.code,
                outcome.error,
                outcome.duration_ms,
                pause,
            )
            if row is None:
                return False
            await connection.execute(_FAILS if failed else _WORKS, tenant_id, delivery.webhook_id)
            if pause is not None:
                job = DeliverWebhook(delivery_id=delivery.id, attempt=delivery.attempts + 1)
                queued = QueuedJob(job, new_id(), row["next_attempt_at"])
                await add_jobs(connection, tenant_id, [queued])
        return True

    async def give_up(self, tenant_id: UUID, due: Due, *, because: str) -> None:
        """Note that a delivery is not tried at all."""
        delivery = due.delivery
        async with self.database.lean(tenant_id) as connection:
            await connection.execute(_GIVE_UP, tenant_id, delivery.id, delivery.attempts, because)

    async def switch_off(
        self, tenant_id: UUID, webhook_id: UUID, *, because: str, at_once: bool = False
    ) -> bool:
        """Switch a webhook off that has long failed, and tell; False where that is not so."""
        async with self.database.lean(tenant_id) as connection:
            row = await connection.fetchrow(
                _SWITCH_OFF, tenant_id, webhook_id, because, at_once, GIVEN_UP_AFTER
            )
            if row is None:
                return False
            await _tell(connection, tenant_id, webhook_id, "disabled", None)
        return True


async def _tell(
    connection: Connection,
    tenant_id: UUID,
    webhook_id: UUID,
    status: WebhookChange,
    by: UUID | None,
) -> None:
    event = WebhookChanged(webhook_id=webhook_id, status=status, user_id=by or _NOBODY)
    await record_events(connection, tenant_id, [Recorded(event, aggregate_id=webhook_id)])


async def _queued(connection: Connection, tenant_id: UUID, row: Record) -> Delivery:
    delivery = _delivery(row)
    job = DeliverWebhook(delivery_id=delivery.id, attempt=delivery.attempts)
    await add_jobs(connection, tenant_id, [QueuedJob(job, new_id())])
    return delivery


def _in_order(values: Mapping[str, Any]) -> list[Any]:
    names = ("url", "description", "events", "personal_data", "enabled")
    return [values.get(name) for name in names]


def _webhook(row: Record) -> Webhook:
    return Webhook(**{name: row[name] for name in Webhook.__slots__})


def _delivery(row: Record) -> Delivery:
    fields = {name: row[name] for name in Delivery.__slots__}
    return Delivery(**{**fields, "payload": orjson.loads(row["payload"])})
