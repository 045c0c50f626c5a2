"""The facts kept from other services' events, and the usage ledger."""

from alembic import op

from libs.common.database.migrations import create_common_tables, protect, refuse_downgrade

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE users (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    role text,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (tenant_id, id)
);
CREATE TABLE api_keys (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT pk_api_keys PRIMARY KEY (tenant_id, id)
);
CREATE TABLE agents (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    created_at timestamptz,
    deleted_at timestamptz,
    CONSTRAINT pk_agents PRIMARY KEY (tenant_id, id)
);
CREATE TABLE documents (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    agent_id uuid NOT NULL,
    state text NOT NULL,
    size_bytes bigint NOT NULL DEFAULT 0,
    passages integer NOT NULL DEFAULT 0,
    pages integer NOT NULL DEFAULT 0,
    tokens bigint NOT NULL DEFAULT 0,
    uploaded_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_documents PRIMARY KEY (tenant_id, id)
);
CREATE TABLE conversations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    agent_id uuid NOT NULL,
    started_at timestamptz NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT pk_conversations PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ix_conversations_agent ON conversations (tenant_id, agent_id, started_at);
CREATE TABLE questions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    asked_at timestamptz NOT NULL,
    CONSTRAINT pk_questions PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ix_questions_asked ON questions (tenant_id, asked_at);
CREATE INDEX ix_questions_conversation ON questions (tenant_id, conversation_id);
CREATE TABLE usage_ledger (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    outcome text NOT NULL,
    prompt_tokens integer NOT NULL,
    completion_tokens integer NOT NULL,
    cost_micros bigint NOT NULL,
    duration_ms integer NOT NULL,
    citation_count integer NOT NULL,
    answered_at timestamptz NOT NULL,
    CONSTRAINT pk_usage_ledger PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_usage_ledger_outcome
        CHECK (outcome IN ('generated', 'extractive', 'refused', 'failed'))
);
CREATE INDEX ix_usage_ledger_answered ON usage_ledger (tenant_id, answered_at);
CREATE INDEX ix_usage_ledger_agent ON usage_ledger (tenant_id, agent_id, answered_at);
CREATE INDEX ix_usage_ledger_conversation ON usage_ledger (tenant_id, conversation_id);
CREATE TABLE api_calls (
    tenant_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    service text NOT NULL,
    method text NOT NULL,
    route text NOT NULL,
    status_class text NOT NULL,
    calls bigint NOT NULL,
    duration_ms bigint NOT NULL,
    CONSTRAINT pk_api_calls
        PRIMARY KEY (tenant_id, hour, service, method, route, status_class)
);
"""

_NAMES = (
    "users",
    "api_keys",
    "agents",
    "documents",
    "conversations",
    "questions",
    "usage_ledger",
    "api_calls",
)


def upgrade() -> None:
    """Create and protect the tables."""
    create_common_tables("analytics")
    for statement in _TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    for name in _NAMES:
        protect(name)


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(loses="the usage ledger")
