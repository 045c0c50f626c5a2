"""Companies that were deleted or suspended show their agents to nobody."""

from alembic import op

from libs.common.database.migrations import define_lookup, protect, refuse_downgrade

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep who is closed, and leave their agents out of the public look-up."""
    op.execute(
        "CREATE TABLE closed_tenants (tenant_id uuid NOT NULL, closed_at timestamptz NOT NULL,"
        " CONSTRAINT pk_closed_tenants PRIMARY KEY (tenant_id))"
    )
    protect("closed_tenants")
    define_lookup(
        "public_agent",
        "p_agent_id uuid",
        returns="TABLE (tenant_id uuid, id uuid, name text, description text, avatar_url text)",
        body="""
            SELECT tenant_id, id, name, description, avatar_url FROM agents a
            WHERE id = p_agent_id AND status = 'active' AND deleted_at IS NULL
              AND NOT EXISTS (SELECT FROM closed_tenants c WHERE c.tenant_id = a.tenant_id)
        """,
    )


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(loses="which companies are closed, so that their agents would show again")
