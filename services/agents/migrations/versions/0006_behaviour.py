"""How agents behave, what they fall back on, and what they may spend."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0006"
down_revision = "0005"

_STATEMENTS = (
    "ALTER TABLE agents ADD COLUMN behaviour jsonb NOT NULL DEFAULT '{}'",
    "ALTER TABLE agents ADD COLUMN fallback_settings_ids jsonb NOT NULL DEFAULT '[]'",
    """
    CREATE TABLE budgets (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        agent_id uuid,
        period text NOT NULL,
        unit text NOT NULL,
        amount bigint NOT NULL,
        on_exhausted text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_budgets PRIMARY KEY (tenant_id, id),
        CONSTRAINT ck_budgets_period CHECK (period IN ('day', 'month')),
        CONSTRAINT ck_budgets_unit CHECK (unit IN ('tokens', 'micros')),
        CONSTRAINT ck_budgets_amount CHECK (amount >= 0),
        CONSTRAINT ck_budgets_on_exhausted CHECK (on_exhausted IN ('quotes', 'refuse')),
        CONSTRAINT fk_budgets_agents FOREIGN KEY (tenant_id, agent_id)
            REFERENCES agents (tenant_id, id) ON DELETE CASCADE
    )
    """,
    """
    CREATE UNIQUE INDEX uq_budgets_scope ON budgets (tenant_id, agent_id, period, unit)
        NULLS NOT DISTINCT
    """,
)


def upgrade() -> None:
    """Add the columns, create the table and protect it."""
    for statement in _STATEMENTS:
        op.execute(statement)
    protect("budgets")
