"""Earlier files that are not kept any more: their rows stay, so that versions keep their numbers.

A version before this one shows such a row, and finds its file missing.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the moment, and an index of those that are kept, by which the oldest are found."""
    op.execute("ALTER TABLE document_versions ADD purged_at timestamptz")
    op.execute(
        "CREATE INDEX ix_document_versions_kept ON document_versions"
        " (tenant_id, document_id, version) WHERE purged_at IS NULL"
    )
