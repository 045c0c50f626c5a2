"""A second embedding space beside the live one, and which of them is live, tenant by tenant.

A version before this one writes neither column, and searches where its own model says.
"""

from alembic import op

from libs.common.database.migrations import protect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and to each document the other space that has its vectors."""
    op.execute(
        "CREATE TABLE embedding_moves ("
        "tenant_id uuid NOT NULL, live text NOT NULL, ended boolean NOT NULL DEFAULT false,"
        " changed_at timestamptz NOT NULL DEFAULT now(),"
        " CONSTRAINT pk_embedding_moves PRIMARY KEY (tenant_id))"
    )
    protect("embedding_moves")
    op.execute("ALTER TABLE documents ADD second_space text")
