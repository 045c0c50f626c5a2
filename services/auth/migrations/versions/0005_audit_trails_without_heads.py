"""The verifier finds trails by their entries, too: who takes a head away hides none."""

from libs.common.database.migrations import define_lookup

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the lookup."""
    define_lookup(
        "audit_trails",
        "",
        returns="TABLE (tenant_id uuid)",
        body="SELECT h.tenant_id FROM audit_heads h UNION SELECT e.tenant_id FROM audit_entries e",
        worker_only=True,
    )


def downgrade() -> None:
    """Narrow it again; nothing is kept in it."""
    define_lookup(
        "audit_trails",
        "",
        returns="TABLE (tenant_id uuid)",
        body="SELECT h.tenant_id FROM audit_heads h",
        worker_only=True,
    )
