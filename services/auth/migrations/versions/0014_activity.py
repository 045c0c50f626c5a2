"""A way for super admins to see what happened lately in all companies."""

from alembic import op

from libs.common.database.migrations import define_lookup

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_WANTED = """
    p_types IS NULL OR e.event_type = ANY (p_types)
    OR split_part(e.event_type, '.', 1) = ANY (p_types)
"""


def upgrade() -> None:
    """Define the lookups, and the index that finds the newest entries."""
    op.execute("CREATE INDEX ix_audit_entries_occurred_at ON audit_entries (occurred_at)")
    define_lookup(
        "newest_audit_entries",
        "p_types text[], p_limit integer, p_offset integer",
        returns="TABLE (tenant_id uuid, sequence bigint)",
        body=f"""
            SELECT e.tenant_id, e.sequence FROM audit_entries e WHERE {_WANTED}
            ORDER BY e.occurred_at DESC, e.tenant_id, e.sequence DESC
            LIMIT p_limit OFFSET p_offset
        """,
    )
    define_lookup(
        "count_audit_entries",
        "p_types text[], p_most integer",
        returns="TABLE (entries bigint)",
        body=f"""
            SELECT count(*) FROM (
                SELECT FROM audit_entries e WHERE {_WANTED} LIMIT p_most) AS counted
        """,
    )


def downgrade() -> None:
    """Drop them."""
    op.execute("DROP FUNCTION count_audit_entries(text[], integer)")
    op.execute("DROP FUNCTION newest_audit_entries(text[], integer, integer)")
    op.execute("DROP INDEX ix_audit_entries_occurred_at")
