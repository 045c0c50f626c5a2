"""Companies that are deleted, suspended and restored, and those who watch over all of them."""

from alembic import op

from libs.common.database.migrations import define_lookup, refuse_downgrade

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE tenants ADD COLUMN erase_after timestamptz",
    "ALTER TABLE tenants ADD COLUMN state_version bigint NOT NULL DEFAULT 0",
    "ALTER TABLE tenants ADD COLUMN allowed_origins text[] NOT NULL DEFAULT '{}'",
)


def upgrade() -> None:
    """Add the columns, and ways for super admins to find companies and people."""
    for statement in STATEMENTS:
        op.execute(statement)
    define_lookup(
        "company_ids",
        "p_search text, p_active boolean, p_verified boolean, p_deleted boolean,"
        " p_limit integer, p_offset integer",
        returns="TABLE (tenant_id uuid, total bigint)",
        body="""
            SELECT t.tenant_id, count(*) OVER () FROM tenants t
            WHERE (p_search IS NULL OR t.name ILIKE p_search)
              AND (p_active IS NULL OR t.is_active = p_active)
              AND (p_verified IS NULL OR t.is_verified = p_verified)
              AND (p_deleted IS NULL OR (t.deleted_at IS NOT NULL) = p_deleted)
            ORDER BY t.created_at DESC, t.tenant_id LIMIT p_limit OFFSET p_offset
        """,
    )


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(loses="until when deleted companies are kept, and companies' origins")
