"""Addresses sealed and found by an index; the version before goes on with the plain ones.

What is in plain is filled in and cleared by the worker, which has the keys.
"""

from alembic import op

from libs.common.database.migrations import define_lookup, protect, refuse_downgrade

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE platform_secrets (
    tenant_id uuid NOT NULL,
    name text NOT NULL,
    sealed bytea NOT NULL,
    plain_until timestamptz NOT NULL,
    CONSTRAINT pk_platform_secrets PRIMARY KEY (tenant_id, name)
);

ALTER TABLE users
    ADD COLUMN email_sealed bytea,
    ADD COLUMN email_index bytea,
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN email_key DROP NOT NULL,
    ADD CONSTRAINT ck_users_email CHECK (email IS NOT NULL OR email_sealed IS NOT NULL) NOT VALID;
-- Like the plain one it does not begin with the tenant: people log in by their address alone.
CREATE UNIQUE INDEX uq_users_email_index ON users (email_index);
CREATE INDEX ix_users_plain_email ON users (tenant_id) WHERE email IS NOT NULL;

ALTER TABLE invitations
    ADD COLUMN email_sealed bytea,
    ADD COLUMN email_index bytea,
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN email_key DROP NOT NULL,
    ADD CONSTRAINT ck_invitations_email
        CHECK (email IS NOT NULL OR email_sealed IS NOT NULL) NOT VALID;
CREATE UNIQUE INDEX uq_invitations_open_index ON invitations (tenant_id, email_index)
    WHERE accepted_at IS NULL AND revoked_at IS NULL;
CREATE INDEX ix_invitations_plain_email ON invitations (tenant_id) WHERE email IS NOT NULL;
"""


def upgrade() -> None:
    """Add the columns, and the look-ups for when no tenant is known."""
    for statement in TABLES.split(";"):
        if statement.strip():
            op.execute(statement)
    protect("platform_secrets")
    define_lookup(
        "user_by_address",
        "p_email_index bytea, p_email_key text",
        returns="TABLE (tenant_id uuid, user_id uuid)",
        body="SELECT u.tenant_id, u.id FROM users u"
        " WHERE u.email_index = p_email_index OR u.email_key = p_email_key",
    )
    define_lookup(
        "somebody_registered",
        "",
        returns="TABLE (somebody boolean)",
        body="SELECT true FROM users LIMIT 1",
    )
    define_lookup(
        "tenants_with_plain_emails",
        "",
        returns="TABLE (tenant_id uuid)",
        body="SELECT DISTINCT u.tenant_id FROM users u WHERE u.email IS NOT NULL"
        " UNION SELECT DISTINCT i.tenant_id FROM invitations i WHERE i.email IS NOT NULL",
        worker_only=True,
    )


def downgrade() -> None:
    """Refuse: what was sealed would have to be opened."""
    refuse_downgrade(loses="the addresses of people, which are stored sealed only by then")
