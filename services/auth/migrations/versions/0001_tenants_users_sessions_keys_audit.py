"""Tenants, users, sessions, API keys, signing keys and the audit trail."""

from alembic import op

from libs.common.database.migrations import (
    create_common_tables,
    define_lookup,
    protect,
    refuse_downgrade,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE tenants (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    email text,
    phone text,
    website text,
    industry text,
    is_active boolean NOT NULL DEFAULT true,
    is_verified boolean NOT NULL DEFAULT false,
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_tenants PRIMARY KEY (tenant_id)
);

CREATE TABLE users (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    username text NOT NULL,
    first_name text NOT NULL,
    last_name text NOT NULL,
    phone text,
    password_hash text NOT NULL,
    role text NOT NULL,
    status text NOT NULL,
    email_verified boolean NOT NULL DEFAULT false,
    two_factor_enabled boolean NOT NULL DEFAULT false,
    login_attempts integer NOT NULL DEFAULT 0,
    last_login_at timestamptz,
    timezone text NOT NULL DEFAULT 'UTC',
    language text NOT NULL DEFAULT 'en',
    preferences jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_users PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_users_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES tenants,
    -- The one key that does not begin with the tenant: people log in by their address alone.
    CONSTRAINT uq_users_email_key UNIQUE (email_key),
    CONSTRAINT ck_users_role CHECK (role IN ('super_admin', 'admin', 'user')),
    CONSTRAINT ck_users_status
        CHECK (status IN ('active', 'inactive', 'suspended', 'pending_verification'))
);
CREATE INDEX ix_users_tenant_id_created_at_id ON users (tenant_id, created_at, id);

CREATE TABLE sessions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    generation integer NOT NULL DEFAULT 1,
    address text,
    created_at timestamptz NOT NULL,
    refreshed_at timestamptz NOT NULL,
    idle_until timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_reason text,
    CONSTRAINT pk_sessions PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_sessions_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT ck_sessions_ended_reason
        CHECK (ended_reason IN ('logged_out', 'reused', 'changed'))
);
CREATE INDEX ix_sessions_tenant_id_user_id ON sessions (tenant_id, user_id);
CREATE INDEX ix_sessions_over ON sessions ((least(idle_until, expires_at, ended_at)));

-- Hashes of random bits, unique in the platform, since the client sends nothing but the token.
CREATE TABLE refresh_tokens (
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    generation integer NOT NULL,
    created_at timestamptz NOT NULL,
    replaced_at timestamptz,
    successor bytea,
    CONSTRAINT pk_refresh_tokens PRIMARY KEY (tenant_id, token_hash),
    CONSTRAINT uq_refresh_tokens_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_refresh_tokens_tenant_id_session_id_sessions
        FOREIGN KEY (tenant_id, session_id) REFERENCES sessions ON DELETE CASCADE
);
CREATE INDEX ix_refresh_tokens_tenant_id_session_id ON refresh_tokens (tenant_id, session_id);
CREATE INDEX ix_refresh_tokens_successor ON refresh_tokens (replaced_at)
    WHERE successor IS NOT NULL;

CREATE TABLE api_keys (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    key_hash bytea NOT NULL,
    pair_hash bytea NOT NULL,
    scopes text[] NOT NULL,
    permissions jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT pk_api_keys PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_api_keys_key_hash UNIQUE (key_hash),
    CONSTRAINT fk_api_keys_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX ix_api_keys_tenant_id_user_id ON api_keys (tenant_id, user_id);

CREATE TABLE signing_keys (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    algorithm text NOT NULL,
    private_key bytea NOT NULL,
    public_jwk jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    CONSTRAINT pk_signing_keys PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_signing_keys_algorithm CHECK (algorithm = 'ES256')
);

CREATE TABLE audit_heads (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT pk_audit_heads PRIMARY KEY (tenant_id)
);

CREATE TABLE audit_entries (
    tenant_id uuid NOT NULL,
    sequence bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    event_type text NOT NULL,
    description text NOT NULL,
    risk_level text NOT NULL,
    actor_id uuid,
    actor_role text,
    entity_type text NOT NULL,
    entity_id uuid,
    address text,
    details jsonb NOT NULL DEFAULT '{}',
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT pk_audit_entries PRIMARY KEY (tenant_id, sequence),
    CONSTRAINT ck_audit_entries_risk_level
        CHECK (risk_level IN ('low', 'medium', 'high', 'critical'))
);
"""


def upgrade() -> None:
    """Create the tables, their protection, and the look-ups for when no tenant is known."""
    create_common_tables("auth")
    for statement in TABLES.split(";"):
        if statement.strip():
            op.execute(statement)

    protect("tenants")
    protect("users")
    protect("sessions", cross_tenant=True)
    protect("refresh_tokens", cross_tenant=True)
    protect("api_keys")
    protect("signing_keys")
    protect("audit_heads", writes="SELECT, INSERT, UPDATE")
    protect("audit_entries", writes="SELECT, INSERT")

    define_lookup(
        "user_by_email",
        "p_email_key text",
        returns="TABLE (tenant_id uuid, user_id uuid)",
        body="SELECT u.tenant_id, u.id FROM users u WHERE u.email_key = p_email_key",
    )
    define_lookup(
        "session_by_refresh_token",
        "p_token_hash bytea",
        returns="TABLE (tenant_id uuid, session_id uuid)",
        body="SELECT r.tenant_id, r.session_id FROM refresh_tokens r"
        " WHERE r.token_hash = p_token_hash",
    )
    define_lookup(
        "api_key_by_hash",
        "p_key_hash bytea",
        returns="TABLE (tenant_id uuid, key_id uuid)",
        body="SELECT k.tenant_id, k.id FROM api_keys k WHERE k.key_hash = p_key_hash",
    )


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(loses="companies, their people, keys and audit trails")
