"""Sessions of leads: nobody's account, so they stand apart from users' sessions."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE lead_sessions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT pk_lead_sessions PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ix_lead_sessions_lead ON lead_sessions (tenant_id, lead_id) WHERE ended_at IS NULL
"""


def upgrade() -> None:
    """Create the table."""
    for statement in _TABLE.split(";"):
        op.execute(statement)
    protect("lead_sessions", cross_tenant=True)
