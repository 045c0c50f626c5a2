"""The web sites on which an agent's widget may be used."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE agent_sites (
    tenant_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    sites text[] NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_agent_sites PRIMARY KEY (tenant_id, agent_id),
    CONSTRAINT fk_agent_sites_agent FOREIGN KEY (tenant_id, agent_id)
        REFERENCES agents (tenant_id, id) ON DELETE CASCADE
)
"""


def upgrade() -> None:
    """Create the table."""
    op.execute(_TABLE)
    protect("agent_sites")
