"""Proven e-mail domains, single sign-on connections, and what directories push over SCIM."""

from alembic import op

from libs.common.database.migrations import define_lookup, protect, refuse_downgrade

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE email_domains (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    domain text NOT NULL,
    token text NOT NULL,
    admits_registration boolean NOT NULL DEFAULT false,
    proven_at timestamptz,
    checked_at timestamptz,
    failed_checks integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_email_domains PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_email_domains_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES tenants,
    CONSTRAINT uq_email_domains_tenant_id_domain UNIQUE (tenant_id, domain)
);
-- Anybody may claim a domain; only one company can have proven it.
CREATE UNIQUE INDEX uq_email_domains_proven ON email_domains (domain) WHERE proven_at IS NOT NULL;
CREATE INDEX ix_email_domains_checked_at ON email_domains (checked_at) WHERE proven_at IS NOT NULL;

CREATE TABLE sso_connections (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    issuer text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea NOT NULL,
    domains text[] NOT NULL,
    default_role text NOT NULL,
    group_claim text,
    group_roles jsonb NOT NULL DEFAULT '{}',
    enabled boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_sso_connections PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_sso_connections_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES tenants,
    CONSTRAINT ck_sso_connections_default_role CHECK (default_role <> 'super_admin')
);

-- A login that is at the provider. Hashes of random bits, unique in the platform, since the
-- browser comes back with nothing else.
CREATE TABLE sso_logins (
    tenant_id uuid NOT NULL,
    state_hash bytea NOT NULL,
    connection_id uuid NOT NULL,
    browser_hash bytea NOT NULL,
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_sso_logins PRIMARY KEY (tenant_id, state_hash),
    CONSTRAINT uq_sso_logins_state_hash UNIQUE (state_hash),
    CONSTRAINT fk_sso_logins_tenant_id_connection_id_sso_connections
        FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connections ON DELETE CASCADE
);
CREATE INDEX ix_sso_logins_tenant_id_connection_id ON sso_logins (tenant_id, connection_id);
CREATE INDEX ix_sso_logins_expires_at ON sso_logins (expires_at);

-- A login that succeeded and waits to be fetched by the page that began it.
CREATE TABLE sso_handoffs (
    tenant_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    user_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    challenge text NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_sso_handoffs PRIMARY KEY (tenant_id, code_hash),
    CONSTRAINT uq_sso_handoffs_code_hash UNIQUE (code_hash),
    CONSTRAINT fk_sso_handoffs_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE,
    CONSTRAINT fk_sso_handoffs_tenant_id_connection_id_sso_connections
        FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connections ON DELETE CASCADE
);
CREATE INDEX ix_sso_handoffs_tenant_id_user_id ON sso_handoffs (tenant_id, user_id);
CREATE INDEX ix_sso_handoffs_tenant_id_connection_id ON sso_handoffs (tenant_id, connection_id);
CREATE INDEX ix_sso_handoffs_expires_at ON sso_handoffs (expires_at);

CREATE TABLE user_identities (
    tenant_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    subject text NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT pk_user_identities PRIMARY KEY (tenant_id, connection_id, subject),
    CONSTRAINT uq_user_identities_tenant_id_connection_id_user_id
        UNIQUE (tenant_id, connection_id, user_id),
    CONSTRAINT fk_user_identities_tenant_id_connection_id_sso_connections
        FOREIGN KEY (tenant_id, connection_id) REFERENCES sso_connections ON DELETE CASCADE,
    CONSTRAINT fk_user_identities_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX ix_user_identities_tenant_id_user_id ON user_identities (tenant_id, user_id);

CREATE TABLE federation_policies (
    tenant_id uuid NOT NULL,
    sso_only boolean NOT NULL,
    break_glass_user_id uuid,
    group_roles jsonb NOT NULL DEFAULT '{}',
    default_role text NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_federation_policies PRIMARY KEY (tenant_id),
    CONSTRAINT fk_federation_policies_tenant_id_tenants
        FOREIGN KEY (tenant_id) REFERENCES tenants,
    CONSTRAINT fk_federation_policies_tenant_id_break_glass_user_id_users
        FOREIGN KEY (tenant_id, break_glass_user_id) REFERENCES users,
    CONSTRAINT ck_federation_policies_break_glass
        CHECK (NOT sso_only OR break_glass_user_id IS NOT NULL),
    CONSTRAINT ck_federation_policies_default_role CHECK (default_role <> 'super_admin')
);

CREATE TABLE scim_tokens (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    prefix text NOT NULL,
    token_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT pk_scim_tokens PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_scim_tokens_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES tenants,
    CONSTRAINT uq_scim_tokens_token_hash UNIQUE (token_hash)
);

-- What a directory calls a user. Users that no directory has touched have no row.
CREATE TABLE directory_users (
    tenant_id uuid NOT NULL,
    user_id uuid NOT NULL,
    user_name text NOT NULL,
    user_name_key text NOT NULL,
    external_id text,
    removed_at timestamptz,
    CONSTRAINT pk_directory_users PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT uq_directory_users_tenant_id_user_name_key UNIQUE (tenant_id, user_name_key),
    CONSTRAINT fk_directory_users_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX ix_directory_users_tenant_id_external_id ON directory_users (tenant_id, external_id);

CREATE TABLE directory_groups (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    display_name text NOT NULL,
    display_name_key text NOT NULL,
    external_id text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT pk_directory_groups PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_directory_groups_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES tenants,
    CONSTRAINT uq_directory_groups_tenant_id_display_name_key UNIQUE (tenant_id, display_name_key)
);

CREATE TABLE directory_members (
    tenant_id uuid NOT NULL,
    group_id uuid NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT pk_directory_members PRIMARY KEY (tenant_id, group_id, user_id),
    CONSTRAINT fk_directory_members_tenant_id_group_id_directory_groups
        FOREIGN KEY (tenant_id, group_id) REFERENCES directory_groups ON DELETE CASCADE,
    CONSTRAINT fk_directory_members_tenant_id_user_id_users
        FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX ix_directory_members_tenant_id_user_id ON directory_members (tenant_id, user_id);
"""

_TENANT_AND = "TABLE (tenant_id uuid, {} uuid)"


def upgrade() -> None:
    """Create the tables, their protection, and the look-ups for when no tenant is known."""
    statements = "\n".join(
        line for line in TABLES.splitlines() if not line.lstrip().startswith("--")
    )
    for statement in statements.split(";"):
        if statement.strip():
            op.execute(statement)

    # The worker checks domains again and throws away what has run out.
    protect("email_domains", cross_tenant=True)
    protect("sso_logins", cross_tenant=True)
    protect("sso_handoffs", cross_tenant=True)
    for table in (
        "sso_connections",
        "user_identities",
        "federation_policies",
        "scim_tokens",
        "directory_users",
        "directory_groups",
        "directory_members",
    ):
        protect(table)

    define_lookup(
        "tenant_by_proven_domain",
        "p_domain text",
        returns=_TENANT_AND.format("domain_id"),
        body="SELECT d.tenant_id, d.id FROM email_domains d"
        " WHERE d.domain = p_domain AND d.proven_at IS NOT NULL",
    )
    define_lookup(
        "sso_connection_by_domain",
        "p_domain text",
        returns=_TENANT_AND.format("connection_id"),
        body="SELECT c.tenant_id, c.id FROM email_domains d"
        " JOIN sso_connections c ON c.tenant_id = d.tenant_id AND d.domain = ANY (c.domains)"
        " WHERE d.domain = p_domain AND d.proven_at IS NOT NULL AND c.enabled"
        " ORDER BY c.created_at, c.id LIMIT 1",
    )
    define_lookup(
        "sso_login_by_state",
        "p_state_hash bytea",
        returns=_TENANT_AND.format("connection_id"),
        body="SELECT l.tenant_id, l.connection_id FROM sso_logins l"
        " WHERE l.state_hash = p_state_hash",
    )
    define_lookup(
        "sso_handoff_by_code",
        "p_code_hash bytea",
        returns=_TENANT_AND.format("user_id"),
        body="SELECT h.tenant_id, h.user_id FROM sso_handoffs h WHERE h.code_hash = p_code_hash",
    )
    define_lookup(
        "scim_token_by_hash",
        "p_token_hash bytea",
        returns=_TENANT_AND.format("token_id"),
        body="SELECT t.tenant_id, t.id FROM scim_tokens t WHERE t.token_hash = p_token_hash",
    )


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(loses="companies' connections to providers, linked identities and directories")
