"""What a company sets about all that its agents say."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table; a company without a row has the defaults."""
    op.execute("""
        CREATE TABLE guardrails (
            tenant_id uuid NOT NULL,
            link_hosts text[] NOT NULL DEFAULT '{}',
            mask_personal_data boolean NOT NULL DEFAULT false,
            report_suspicions boolean NOT NULL DEFAULT false,
            updated_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_guardrails PRIMARY KEY (tenant_id)
        )
    """)
    protect("guardrails")
