"""Settings that companies and the platform keep under names of their own."""

from alembic import op

from libs.common.database.migrations import protect, refuse_downgrade

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; the platform's values are the platform tenant's rows."""
    op.execute("""
        CREATE TABLE config_values (
            tenant_id uuid NOT NULL,
            key text NOT NULL,
            type text NOT NULL,
            description text,
            is_sensitive boolean NOT NULL,
            sealed bytea NOT NULL,
            created_at timestamptz NOT NULL,
            updated_at timestamptz NOT NULL,
            CONSTRAINT pk_config_values PRIMARY KEY (tenant_id, key),
            CONSTRAINT ck_config_values_type
                CHECK (type IN ('string', 'integer', 'number', 'boolean', 'json'))
        )
    """)
    protect("config_values")


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(loses="companies' settings")
