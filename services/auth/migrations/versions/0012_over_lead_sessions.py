"""Leads' sessions that are over are found without a look at all of them, as users' are."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index that the worker's purge of each minute reads."""
    op.execute(
        "CREATE INDEX ix_lead_sessions_over ON lead_sessions ((least(expires_at, ended_at)))"
    )


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP INDEX ix_lead_sessions_over")
