"""The worker reads where all trails end, to sign it outside the database."""

from alembic import op

from libs.common.database.migrations import define_lookup

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Define the lookup."""
    define_lookup(
        "ends_of_audit_trails",
        "",
        returns="TABLE (tenant_id uuid, last_entry bigint, last_hash bytea)",
        body="SELECT h.tenant_id, h.sequence, h.hash FROM audit_heads h",
        worker_only=True,
    )


def downgrade() -> None:
    """Drop it; nothing is kept in it."""
    op.execute("DROP FUNCTION ends_of_audit_trails")
