"""What leaves the outbox, noted for the webhooks that are to hear of it.

It is done by the relay, in the transaction in which an event counts as published: so nothing is
left out, and whoever has no webhooks pays no statement for it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from libs.common.database import Database, DatabaseUnavailable
from libs.common.database.connection import Connection, Record
from libs.common.events.catalogue.conversations import WebhookChanged
from libs.common.periodic import jittered
from services.conversations.domain.webhooks import EVENTS, DeliverWebhook

REFRESH_SECONDS: Final = 2.0
_TENANTS: Final = "SELECT DISTINCT tenant_id FROM webhooks WHERE enabled"
# The lock keeps a webhook from being deleted meanwhile, at which the relay would stumble. An event
# that Redis has lost, and that is published again, was noted before, or is older than the webhook.
_NOTE: Final = """
WITH told AS (
    INSERT INTO webhook_deliveries
        (tenant_id, id, webhook_id, event_id, event, payload, occurred_at)
    SELECT w.tenant_id, gen_random_uuid(), w.id, e.id, e.name, e.payload::jsonb, e.occurred_at
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
         AS e (tenant_id, id, name, payload, occurred_at)
    JOIN webhooks w ON w.tenant_id = e.tenant_id AND w.enabled AND e.name = ANY (w.events)
        AND e.occurred_at >= w.created_at
    FOR KEY SHARE OF w
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, id
)
INSERT INTO jobs (tenant_id, id, kind, payload, max_attempts, run_at)
SELECT tenant_id, gen_random_uuid(), $6, jsonb_build_object('delivery_id', id, 'attempt', 0), $7,
       now()
FROM told
"""


class WebhookFeed:
    """Notes what webhooks are to be told; `run` it beside, to know whose there are.

    Args:
        database: With the worker's role.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tenants: frozenset[UUID] | None = None

    async def run(self) -> None:
        """Learn every two seconds who has webhooks, which another process may be told first."""
        while True:
            # As nothing is relayed while the database is away, nothing is missed.
            with suppress(DatabaseUnavailable):
                await self.refresh()
            await asyncio.sleep(jittered(REFRESH_SECONDS))

    async def refresh(self) -> None:
        """Learn who has webhooks."""
        async with self._database.lean_cross_tenant() as connection:
            self._tenants = await _tenants(connection)

    async def __call__(self, connection: Connection, rows: Sequence[Record]) -> None:
        """Note events on their way out.

        Args:
            connection: In the transaction that publishes them, over all tenants.
            rows: Of the outbox.
        """
        tenants = self._tenants
        if tenants is None or any(row["name"] == WebhookChanged.event_name for row in rows):
            tenants = self._tenants = await _tenants(connection)
        if not tenants:
            return
        wanted = [row for row in rows if row["tenant_id"] in tenants and row["name"] in EVENTS]
        if not wanted:
            return
        await connection.execute(
            _NOTE,
            [row["tenant_id"] for row in wanted],
            [row["id"] for row in wanted],
            [row["name"] for row in wanted],
            [row["payload"] for row in wanted],
            [row["occurred_at"] for row in wanted],
            DeliverWebhook.kind,
            DeliverWebhook.max_attempts,
        )


async def _tenants(connection: Connection) -> frozenset[UUID]:
    return frozenset(row["tenant_id"] for row in await connection.fetch(_TENANTS))
