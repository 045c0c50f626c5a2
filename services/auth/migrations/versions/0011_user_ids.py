"""A way for super admins to find people of all companies."""

from alembic import op

from libs.common.database.migrations import define_lookup

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Define the lookup; people are found by name, an address is looked up whole."""
    define_lookup(
        "user_ids",
        "p_tenant uuid, p_role text, p_status text, p_name text, p_limit integer, p_offset integer",
        returns="TABLE (tenant_id uuid, user_id uuid, total bigint)",
        body="""
            SELECT u.tenant_id, u.id, count(*) OVER () FROM users u
            WHERE (p_tenant IS NULL OR u.tenant_id = p_tenant)
              AND (p_role IS NULL OR u.role = p_role)
              AND (p_status IS NULL OR u.status = p_status)
              AND (p_name IS NULL OR u.first_name ILIKE p_name OR u.last_name ILIKE p_name
                   OR u.username ILIKE p_name)
            ORDER BY u.created_at DESC, u.id LIMIT p_limit OFFSET p_offset
        """,
    )


def downgrade() -> None:
    """Drop it; nothing is kept in it."""
    op.execute("DROP FUNCTION user_ids")
