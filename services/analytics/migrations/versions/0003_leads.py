"""Leads, and users who are gone."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make room for them; a user's end may be heard of before their beginning."""
    op.execute("""
        CREATE TABLE leads (
            tenant_id uuid NOT NULL,
            id uuid NOT NULL,
            registered_at timestamptz,
            status text NOT NULL DEFAULT 'new',
            status_at timestamptz,
            deleted_at timestamptz,
            CONSTRAINT pk_leads PRIMARY KEY (tenant_id, id)
        )
    """)
    op.execute("CREATE INDEX ix_leads_registered_at ON leads (tenant_id, registered_at)")
    protect("leads")
    op.execute("ALTER TABLE users ADD COLUMN deleted_at timestamptz")
    op.execute("ALTER TABLE users ALTER COLUMN created_at DROP NOT NULL")


def downgrade() -> None:
    """Drop what was heard of them; it can be read again for as long as events are kept."""
    op.execute("DELETE FROM users WHERE deleted_at IS NOT NULL OR created_at IS NULL")
    op.execute("ALTER TABLE users ALTER COLUMN created_at SET NOT NULL")
    op.execute("ALTER TABLE users DROP COLUMN deleted_at")
    op.execute("DROP TABLE leads")
