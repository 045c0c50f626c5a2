"""Documents that were deleted because their agent was: they come back with it."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark; a version before this one leaves it as it is."""
    op.execute("ALTER TABLE documents ADD deleted_with_agent boolean NOT NULL DEFAULT false")
