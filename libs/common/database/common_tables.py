"""The tables that every service has in its schema, as the first migrations create them.

Their DDL is frozen: a later change to one of them is a new function here and a new migration in
every service.
"""

COMMON_TABLES = (
    "outbox",
    "inbox",
    "aggregate_versions",
    "jobs",
    "job_turns",
    "tenant_keys",
    "idempotency_keys",
)

_TABLES = """
CREATE TABLE outbox (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    aggregate_id uuid,
    aggregate_version bigint NOT NULL DEFAULT 0,
    occurred_at timestamptz NOT NULL DEFAULT now(),
    traceparent text,
    payload jsonb NOT NULL,
    published_at timestamptz,
    CONSTRAINT pk_outbox PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ix_outbox_unpublished ON outbox (occurred_at) WHERE published_at IS NULL;
CREATE INDEX ix_outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL;

CREATE TABLE inbox (
    tenant_id uuid NOT NULL,
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_inbox PRIMARY KEY (tenant_id, consumer, event_id)
);
CREATE INDEX ix_inbox_received_at ON inbox (received_at);

CREATE TABLE aggregate_versions (
    tenant_id uuid NOT NULL,
    consumer text NOT NULL,
    aggregate_id uuid NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT pk_aggregate_versions PRIMARY KEY (tenant_id, consumer, aggregate_id)
);

CREATE TABLE jobs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 5,
    run_at timestamptz NOT NULL DEFAULT now(),
    lease_owner text,
    lease_until timestamptz,
    progress double precision NOT NULL DEFAULT 0,
    stage text,
    error text,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CONSTRAINT pk_jobs PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_jobs_state
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled'))
);
CREATE INDEX ix_jobs_due ON jobs (tenant_id, run_at, id) WHERE state = 'queued';
CREATE INDEX ix_jobs_leased ON jobs (lease_until) WHERE state = 'running';
CREATE INDEX ix_jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE job_turns (
    tenant_id uuid NOT NULL,
    weight double precision NOT NULL DEFAULT 1 CHECK (weight > 0),
    virtual_time double precision NOT NULL DEFAULT 0,
    CONSTRAINT pk_job_turns PRIMARY KEY (tenant_id)
);
CREATE INDEX ix_job_turns_virtual_time ON job_turns (virtual_time);

CREATE TABLE tenant_keys (
    tenant_id uuid NOT NULL,
    version integer NOT NULL,
    wrapped_key bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_tenant_keys PRIMARY KEY (tenant_id, version)
);

CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL,
    key_hash bytea NOT NULL,
    request_hash bytea,
    state text NOT NULL CHECK (state IN ('running', 'done')),
    status integer,
    headers jsonb,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    locked_until timestamptz NOT NULL,
    CONSTRAINT pk_idempotency_keys PRIMARY KEY (tenant_id, key_hash)
);
CREATE INDEX ix_idempotency_keys_created_at ON idempotency_keys (created_at);
"""


def common_tables_ddl() -> list[str]:
    """Return the statements that create the common tables, in order."""
    return [part.strip() for part in _TABLES.split(";") if part.strip()]
