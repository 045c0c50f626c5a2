"""Versions of agents, what was published when, keys kept for going back, and results by version."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0003"
down_revision = "0002"

_STATEMENTS = (
    # Null until the agent is changed or its versions are looked at: then what is there is kept.
    "ALTER TABLE agents ADD COLUMN live_version integer",
    "ALTER TABLE agents ADD COLUMN split_version integer",
    "ALTER TABLE agents ADD COLUMN split_percent integer NOT NULL DEFAULT 0",
    """
    ALTER TABLE agents ADD CONSTRAINT ck_agents_split_percent
        CHECK (split_percent BETWEEN 0 AND 100)
    """,
    """
    CREATE TABLE agent_versions (
        tenant_id uuid NOT NULL,
        agent_id uuid NOT NULL,
        number integer NOT NULL,
        content jsonb NOT NULL,
        action text NOT NULL,
        note text,
        created_by_kind text NOT NULL,
        created_by uuid,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_agent_versions PRIMARY KEY (tenant_id, agent_id, number),
        CONSTRAINT fk_agent_versions_agents FOREIGN KEY (tenant_id, agent_id)
            REFERENCES agents (tenant_id, id) ON DELETE CASCADE
            DEFERRABLE INITIALLY DEFERRED
    )
    """,
    """
    CREATE TABLE agent_publications (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        agent_id uuid NOT NULL,
        number integer NOT NULL,
        previous integer,
        created_by_kind text NOT NULL,
        created_by uuid,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_agent_publications PRIMARY KEY (tenant_id, id),
        CONSTRAINT fk_agent_publications_versions FOREIGN KEY (tenant_id, agent_id, number)
            REFERENCES agent_versions (tenant_id, agent_id, number) ON DELETE CASCADE
            DEFERRABLE INITIALLY DEFERRED
    )
    """,
    """
    CREATE INDEX ix_agent_publications_number
        ON agent_publications (tenant_id, agent_id, number, created_at)
    """,
    """
    CREATE TABLE agent_keys (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        agent_id uuid NOT NULL,
        settings_id uuid NOT NULL,
        kind text NOT NULL,
        url text NOT NULL,
        sealed bytea NOT NULL,
        hint text,
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_agent_keys PRIMARY KEY (tenant_id, id),
        CONSTRAINT uq_agent_keys_url UNIQUE (tenant_id, agent_id, kind, url),
        CONSTRAINT ck_agent_keys_kind CHECK (kind IN ('llm', 'embedding')),
        CONSTRAINT fk_agent_keys_agents FOREIGN KEY (tenant_id, agent_id)
            REFERENCES agents (tenant_id, id) ON DELETE CASCADE
            DEFERRABLE INITIALLY DEFERRED
    )
    """,
    "CREATE INDEX ix_agent_keys_settings ON agent_keys (tenant_id, settings_id)",
    """
    CREATE TABLE agent_version_stats (
        tenant_id uuid NOT NULL,
        agent_id uuid NOT NULL,
        number integer NOT NULL,
        answers bigint NOT NULL DEFAULT 0,
        generated bigint NOT NULL DEFAULT 0,
        refused bigint NOT NULL DEFAULT 0,
        extractive bigint NOT NULL DEFAULT 0,
        failed bigint NOT NULL DEFAULT 0,
        citations bigint NOT NULL DEFAULT 0,
        prompt_tokens bigint NOT NULL DEFAULT 0,
        completion_tokens bigint NOT NULL DEFAULT 0,
        cost_micros bigint NOT NULL DEFAULT 0,
        duration_ms bigint NOT NULL DEFAULT 0,
        ratings bigint NOT NULL DEFAULT 0,
        rating_sum bigint NOT NULL DEFAULT 0,
        CONSTRAINT pk_agent_version_stats PRIMARY KEY (tenant_id, agent_id, number)
    )
    """,
)


def upgrade() -> None:
    """Create the tables and protect them; what a version holds, nobody can change afterwards."""
    for statement in _STATEMENTS:
        op.execute(statement)
    protect("agent_versions", writes="SELECT, INSERT")
    protect("agent_publications", writes="SELECT, INSERT")
    protect("agent_keys")
    protect("agent_version_stats")
