"""Conversations, messages, answers and their citations."""

from alembic import op

from libs.common.database.migrations import create_common_tables, define_lookup, protect

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE conversations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    agent_id uuid NOT NULL,
    title varchar(200) NOT NULL,
    status text NOT NULL DEFAULT 'active',
    channel text NOT NULL DEFAULT 'chat',
    entity_type text NOT NULL,
    entity_id uuid,
    metadata jsonb NOT NULL DEFAULT '{}',
    max_context_length integer NOT NULL DEFAULT 4000,
    last_sequence bigint NOT NULL DEFAULT 0,
    message_count integer NOT NULL DEFAULT 0,
    total_tokens bigint NOT NULL DEFAULT 0,
    last_activity timestamptz,
    ended_at timestamptz,
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_conversations PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_conversations_status CHECK (status IN ('active', 'archived')),
    CONSTRAINT ck_conversations_channel CHECK (channel IN ('chat', 'test', 'completion'))
);
CREATE INDEX ix_conversations_agent ON conversations (tenant_id, agent_id, id);
CREATE INDEX ix_conversations_entity ON conversations (tenant_id, entity_id, id);

CREATE TABLE messages (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    sequence bigint NOT NULL,
    role text NOT NULL,
    content text NOT NULL,
    model_used text,
    processing_time double precision,
    tokens_used integer NOT NULL DEFAULT 0,
    sources jsonb NOT NULL DEFAULT '[]',
    metadata jsonb NOT NULL DEFAULT '{}',
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_messages PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_messages_sequence UNIQUE (tenant_id, conversation_id, sequence),
    CONSTRAINT fk_messages_conversation FOREIGN KEY (tenant_id, conversation_id)
        REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_messages_role CHECK (role IN ('user', 'assistant', 'system'))
);
CREATE INDEX ix_messages_deleted ON messages (tenant_id, id) WHERE deleted_at IS NOT NULL;

CREATE TABLE answers (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    answer_message_id uuid,
    agent_id uuid NOT NULL,
    task_id uuid NOT NULL,
    kind text NOT NULL,
    state text NOT NULL DEFAULT 'queued',
    attempt integer NOT NULL DEFAULT 0,
    options jsonb NOT NULL DEFAULT '{}',
    lease_owner text,
    lease_until timestamptz,
    queued_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz,
    mode text,
    prompt_tokens integer NOT NULL DEFAULT 0,
    completion_tokens integer NOT NULL DEFAULT 0,
    cost_micros bigint NOT NULL DEFAULT 0,
    error_code text,
    error text,
    traceparent text,
    CONSTRAINT pk_answers PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_answers_message FOREIGN KEY (tenant_id, message_id)
        REFERENCES messages (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_answers_state
        CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    CONSTRAINT ck_answers_mode CHECK (mode IN ('generated', 'extractive', 'refused'))
);
CREATE INDEX ix_answers_task ON answers (task_id);
CREATE INDEX ix_answers_conversation ON answers (tenant_id, conversation_id, id);
CREATE INDEX ix_answers_message ON answers (tenant_id, message_id);
CREATE INDEX ix_answers_queued ON answers (tenant_id, id) WHERE state = 'queued';
CREATE INDEX ix_answers_running ON answers (tenant_id, id) WHERE state = 'running';

CREATE TABLE citations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    answer_id uuid NOT NULL,
    message_id uuid NOT NULL,
    position integer NOT NULL,
    source_number integer NOT NULL,
    document_id uuid NOT NULL,
    document_version integer NOT NULL,
    passage_id uuid NOT NULL,
    page integer,
    char_start integer NOT NULL,
    char_end integer NOT NULL,
    quote text NOT NULL,
    name text NOT NULL,
    url text,
    CONSTRAINT pk_citations PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_citations_answer FOREIGN KEY (tenant_id, answer_id)
        REFERENCES answers (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_citations_message FOREIGN KEY (tenant_id, message_id)
        REFERENCES messages (tenant_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX uq_citations_position ON citations (tenant_id, message_id, position);
CREATE INDEX ix_citations_answer ON citations (tenant_id, answer_id);
CREATE INDEX ix_citations_document ON citations (tenant_id, document_id)
"""


def upgrade() -> None:
    """Create the tables and the look-up of tasks."""
    create_common_tables("conversations")
    for statement in _TABLES.split(";"):
        op.execute(statement)
    protect("conversations")
    protect("messages")
    # Workers look for waiting and abandoned answers over all tenants.
    protect("answers", cross_tenant=True)
    protect("citations")
    define_lookup(
        "find_task",
        "p_task_id uuid",
        returns="TABLE (tenant_id uuid, answer_id uuid)",
        body=(
            "SELECT a.tenant_id, a.id FROM answers a"
            " WHERE a.task_id = p_task_id AND a.queued_at > now() - interval '1 day'"
        ),
    )
