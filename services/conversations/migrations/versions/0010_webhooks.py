"""Webhooks of companies, and the log of what they were told."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE webhooks (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    url text NOT NULL,
    description text NOT NULL DEFAULT '',
    events text[] NOT NULL,
    personal_data boolean NOT NULL DEFAULT false,
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_until timestamptz,
    enabled boolean NOT NULL DEFAULT true,
    failing_since timestamptz,
    disabled_because text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_webhooks PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ix_webhooks_enabled ON webhooks (tenant_id) WHERE enabled;
CREATE TABLE webhook_deliveries (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event text NOT NULL,
    payload jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    attempts integer NOT NULL DEFAULT 0,
    tries_began_at integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz DEFAULT now(),
    last_attempt_at timestamptz,
    response_code integer,
    error text,
    duration_ms integer,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_webhook_deliveries PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_webhook_deliveries_event UNIQUE (tenant_id, webhook_id, event_id),
    CONSTRAINT fk_webhook_deliveries_webhook FOREIGN KEY (tenant_id, webhook_id)
        REFERENCES webhooks (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_webhook_deliveries_status CHECK (status IN ('pending', 'delivered', 'failed'))
);
CREATE INDEX ix_webhook_deliveries_webhook
    ON webhook_deliveries (tenant_id, webhook_id, created_at, id);
CREATE INDEX ix_webhook_deliveries_created_at ON webhook_deliveries (created_at)
"""


def upgrade() -> None:
    """Create the tables; the worker notes over all tenants what is to be told, and clears up."""
    for statement in _TABLES.split(";"):
        op.execute(statement)
    protect("webhooks", cross_tenant=True)
    protect("webhook_deliveries", cross_tenant=True)
