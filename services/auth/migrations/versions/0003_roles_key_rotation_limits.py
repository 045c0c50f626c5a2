"""Roles of a company's own, keys that rotate, limits as settings, logos."""

from alembic import op

from libs.common.database import PLATFORM_TENANT
from libs.common.database.migrations import define_lookup, protect, refuse_downgrade

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = f"""
ALTER TABLE api_keys ADD COLUMN networks text[] NOT NULL DEFAULT '{{}}';
ALTER TABLE api_keys ADD COLUMN successor_id uuid;
ALTER TABLE api_keys ADD CONSTRAINT fk_api_keys_tenant_id_successor_id_api_keys
    FOREIGN KEY (tenant_id, successor_id) REFERENCES api_keys
    ON DELETE SET NULL (successor_id);
CREATE INDEX ix_api_keys_tenant_id_created_at_id ON api_keys (tenant_id, created_at, id);

-- Published as soon as it is made, so that everybody knows a key before it signs.
ALTER TABLE signing_keys ADD COLUMN signs_from timestamptz NOT NULL DEFAULT now();
-- They are the platform's, and row-level security holds for the owner, too.
SELECT set_config('app.tenant_id', '{PLATFORM_TENANT}', true);
UPDATE signing_keys SET signs_from = created_at;
SELECT set_config('app.tenant_id', '', true);

CREATE TABLE roles (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    name_key text NOT NULL,
    description text NOT NULL DEFAULT '',
    permissions text[] NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_roles PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_roles_tenant_id_name_key UNIQUE (tenant_id, name_key),
    CONSTRAINT fk_roles_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES tenants
);

-- A role that somebody has stays: without it they would be what `user` is, which may be more.
CREATE TABLE user_roles (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role_id uuid NOT NULL,
    assigned_at timestamptz NOT NULL,
    CONSTRAINT pk_user_roles PRIMARY KEY (tenant_id, user_id, role_id),
    CONSTRAINT fk_user_roles_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT fk_user_roles_tenant_id_role_id_roles
        FOREIGN KEY (tenant_id, role_id) REFERENCES roles ON DELETE RESTRICT
);
CREATE INDEX ix_user_roles_tenant_id_role_id ON user_roles (tenant_id, role_id);

CREATE TABLE rate_limits (
    tenant_id uuid NOT NULL,
    class text NOT NULL,
    source text NOT NULL,
    requests integer NOT NULL,
    per_seconds integer NOT NULL,
    set_at timestamptz NOT NULL,
    CONSTRAINT pk_rate_limits PRIMARY KEY (tenant_id, class, source),
    CONSTRAINT fk_rate_limits_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES tenants,
    CONSTRAINT ck_rate_limits_source CHECK (source IN ('tenant', 'platform')),
    CONSTRAINT ck_rate_limits_requests CHECK (requests > 0),
    CONSTRAINT ck_rate_limits_per_seconds CHECK (per_seconds > 0)
);

ALTER TABLE tenants ADD COLUMN logo_id uuid;
CREATE TABLE logos (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    media_type text NOT NULL,
    content bytea NOT NULL,
    set_at timestamptz NOT NULL,
    CONSTRAINT pk_logos PRIMARY KEY (tenant_id),
    CONSTRAINT fk_logos_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES tenants
);
-- Random, and all that who looks at a picture knows.
CREATE INDEX ix_logos_id ON logos (id);
"""


def upgrade() -> None:
    """Add what is new, and put it behind row-level security."""
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
    for table in ("roles", "user_roles", "rate_limits", "logos"):
        protect(table)
    define_lookup(
        "tenant_of_logo",
        "p_id uuid",
        returns="TABLE (tenant_id uuid)",
        body="SELECT l.tenant_id FROM logos l WHERE l.id = p_id",
    )
    # For the command that verifies all of them.
    define_lookup(
        "audit_trails",
        "",
        returns="TABLE (tenant_id uuid)",
        body="SELECT h.tenant_id FROM audit_heads h",
        worker_only=True,
    )


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(loses="companies' roles, limits and logos, and the networks of API keys")
