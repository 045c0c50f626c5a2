"""Leads, their visits, and the links by which they come back."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE lead_index_keys (
    tenant_id uuid NOT NULL,
    key bytea NOT NULL,
    CONSTRAINT pk_lead_index_keys PRIMARY KEY (tenant_id)
);
CREATE TABLE leads (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    email_hash bytea NOT NULL,
    personal bytea NOT NULL,
    agent_id uuid,
    status text NOT NULL DEFAULT 'new',
    source text NOT NULL DEFAULT '',
    tags text[] NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    consent_data_processing boolean NOT NULL DEFAULT false,
    consent_marketing boolean NOT NULL DEFAULT false,
    consent_at timestamptz,
    consent_shown text NOT NULL DEFAULT '',
    last_activity timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_leads PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_leads_email_hash UNIQUE (tenant_id, email_hash),
    CONSTRAINT ck_leads_status
        CHECK (status IN ('new', 'contacted', 'qualified', 'converted', 'lost'))
);
CREATE INDEX ix_leads_created_at ON leads (tenant_id, created_at, id);
CREATE TABLE lead_visits (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    lead_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    proven_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_lead_visits PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_lead_visits_token_hash UNIQUE (tenant_id, token_hash),
    CONSTRAINT fk_lead_visits_lead FOREIGN KEY (tenant_id, lead_id)
        REFERENCES leads (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_lead_visits_lead ON lead_visits (tenant_id, lead_id);
CREATE INDEX ix_lead_visits_expires_at ON lead_visits (expires_at);
CREATE TABLE lead_links (
    tenant_id uuid NOT NULL,
    token_hash bytea NOT NULL,
    lead_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT pk_lead_links PRIMARY KEY (tenant_id, token_hash),
    CONSTRAINT fk_lead_links_lead FOREIGN KEY (tenant_id, lead_id)
        REFERENCES leads (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX ix_lead_links_lead ON lead_links (tenant_id, lead_id);
CREATE INDEX ix_lead_links_expires_at ON lead_links (expires_at);
ALTER TABLE conversations ADD COLUMN lead_id uuid;
CREATE INDEX ix_conversations_lead ON conversations (tenant_id, lead_id, id)
    WHERE lead_id IS NOT NULL
"""


def upgrade() -> None:
    """Create the tables. A conversation's `entity_id` is the visit, its `lead_id` the person."""
    for statement in _TABLES.split(";"):
        op.execute(statement)
    protect("lead_index_keys")
    protect("leads")
    # What has run out is thrown away over all tenants.
    protect("lead_visits", cross_tenant=True)
    protect("lead_links", cross_tenant=True)
