"""Ratings of answers."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; it has one row for each answer that was rated."""
    op.execute("""
        CREATE TABLE ratings (
            tenant_id uuid NOT NULL,
            id uuid NOT NULL,
            conversation_id uuid NOT NULL,
            agent_id uuid NOT NULL,
            rating smallint NOT NULL,
            version integer NOT NULL,
            rated_at timestamptz NOT NULL,
            CONSTRAINT pk_ratings PRIMARY KEY (tenant_id, id),
            CONSTRAINT ck_ratings_rating CHECK (rating BETWEEN 1 AND 5)
        )
    """)
    op.execute("CREATE INDEX ix_ratings_agent ON ratings (tenant_id, agent_id, rated_at)")
    op.execute("CREATE INDEX ix_ratings_conversation ON ratings (tenant_id, conversation_id)")
    protect("ratings")
