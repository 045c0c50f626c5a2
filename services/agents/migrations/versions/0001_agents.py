"""Agents, LLM settings, and the catalogue of providers and models."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

from libs.common.database import PLATFORM_TENANT
from libs.common.database.migrations import (
    create_common_tables,
    define_lookup,
    protect,
    protect_shared,
    seeding,
)
from services.agents.migrations.catalogue import PROVIDERS

revision = "0001"
down_revision = None

_TABLES = (
    """
    CREATE TABLE llm_settings (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        agent_id uuid,
        llm_provider_id uuid NOT NULL,
        llm_model_id uuid NOT NULL,
        llm_api_key bytea,
        llm_api_key_hint text,
        llm_api_key_url text,
        llm_api_base_url text,
        llm_temperature double precision NOT NULL,
        llm_max_tokens integer NOT NULL,
        llm_additional_params jsonb NOT NULL DEFAULT '{}',
        embedding_provider_id uuid NOT NULL,
        embedding_model_id uuid NOT NULL,
        embedding_api_key bytea,
        embedding_api_key_hint text,
        embedding_api_key_url text,
        embedding_api_base_url text,
        embedding_dimension integer NOT NULL,
        embedding_additional_params jsonb NOT NULL DEFAULT '{}',
        widget_script_url text,
        widget_config jsonb NOT NULL DEFAULT '{}',
        is_default boolean NOT NULL DEFAULT false,
        is_active boolean NOT NULL DEFAULT true,
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_llm_settings PRIMARY KEY (tenant_id, id)
    )
    """,
    """
    CREATE TABLE agents (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        description text,
        avatar_url text,
        status text NOT NULL,
        instructions text,
        llm_settings_id uuid,
        personality_traits jsonb NOT NULL DEFAULT '{}',
        capabilities jsonb NOT NULL DEFAULT '[]',
        operating_hours jsonb NOT NULL DEFAULT '{}',
        languages jsonb NOT NULL DEFAULT '[]',
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        deleted_at timestamptz,
        CONSTRAINT pk_agents PRIMARY KEY (tenant_id, id),
        CONSTRAINT ck_agents_status
            CHECK (status IN ('active', 'inactive', 'training', 'maintenance')),
        CONSTRAINT fk_agents_llm_settings
            FOREIGN KEY (tenant_id, llm_settings_id) REFERENCES llm_settings (tenant_id, id)
            DEFERRABLE INITIALLY DEFERRED
    )
    """,
    """
    CREATE TABLE providers (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        name text NOT NULL,
        label text NOT NULL,
        description text,
        provider_type text NOT NULL,
        api_base_url text,
        requires_api_key boolean NOT NULL DEFAULT true,
        pricing jsonb NOT NULL DEFAULT '{}',
        status text NOT NULL DEFAULT 'active',
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        deleted_at timestamptz,
        CONSTRAINT pk_providers PRIMARY KEY (tenant_id, id),
        CONSTRAINT ck_providers_type CHECK (provider_type IN ('llm', 'embedding', 'both'))
    )
    """,
    """
    CREATE TABLE models (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        provider_id uuid NOT NULL,
        name text NOT NULL,
        display_name text NOT NULL,
        provider_model_id text NOT NULL,
        model_type text NOT NULL,
        context_window integer,
        embedding_dimension integer,
        input_price numeric(14, 8),
        output_price numeric(14, 8),
        currency text NOT NULL DEFAULT 'USD',
        features jsonb NOT NULL DEFAULT '{}',
        status text NOT NULL DEFAULT 'active',
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        deleted_at timestamptz,
        CONSTRAINT pk_models PRIMARY KEY (tenant_id, id),
        CONSTRAINT ck_models_type CHECK (model_type IN ('llm', 'embedding', 'both'))
    )
    """,
    """
    CREATE TABLE agent_stats (
        tenant_id uuid NOT NULL,
        agent_id uuid NOT NULL,
        total_conversations integer NOT NULL DEFAULT 0,
        active_conversations integer NOT NULL DEFAULT 0,
        total_messages integer NOT NULL DEFAULT 0,
        total_answers integer NOT NULL DEFAULT 0,
        total_answer_ms bigint NOT NULL DEFAULT 0,
        CONSTRAINT pk_agent_stats PRIMARY KEY (tenant_id, agent_id)
    )
    """,
    """
    CREATE TABLE known_documents (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        agent_id uuid NOT NULL,
        is_indexed boolean NOT NULL,
        indexed_at timestamptz,
        CONSTRAINT pk_known_documents PRIMARY KEY (tenant_id, id)
    )
    """,
)

_CONSTRAINTS_AND_INDEXES = (
    # The two tables point at each other; which row comes first is nobody's business until commit.
    """
    ALTER TABLE llm_settings ADD CONSTRAINT fk_llm_settings_agents
        FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id)
        DEFERRABLE INITIALLY DEFERRED
    """,
    "CREATE INDEX ix_agents_lower_name ON agents (tenant_id, lower(name))",
    "CREATE INDEX ix_agents_llm_settings_id ON agents (tenant_id, llm_settings_id)",
    "CREATE INDEX ix_llm_settings_agent_id ON llm_settings (tenant_id, agent_id)",
    "CREATE UNIQUE INDEX uq_llm_settings_default ON llm_settings (tenant_id) WHERE is_default",
    """
    CREATE UNIQUE INDEX uq_providers_name ON providers (tenant_id, lower(name))
        WHERE deleted_at IS NULL
    """,
    """
    CREATE UNIQUE INDEX uq_models_name ON models (tenant_id, provider_id, model_type, lower(name))
        WHERE deleted_at IS NULL
    """,
    "CREATE INDEX ix_known_documents_agent_id ON known_documents (tenant_id, agent_id)",
)


def upgrade() -> None:
    """Create the tables, protect them, and seed the catalogue."""
    for statement in (*_TABLES, *_CONSTRAINTS_AND_INDEXES):
        op.execute(statement)
    for table in ("llm_settings", "agents", "agent_stats", "known_documents"):
        protect(table)
    for table in ("providers", "models"):
        protect_shared(table)
    create_common_tables("agents")
    # The one way to see an agent before a tenant is known; the fields stand in
    # libs.common.contract.public.
    define_lookup(
        "public_agent",
        "p_agent_id uuid",
        returns="TABLE (tenant_id uuid, id uuid, name text, description text, avatar_url text)",
        body="""
            SELECT tenant_id, id, name, description, avatar_url FROM agents
            WHERE id = p_agent_id AND status = 'active' AND deleted_at IS NULL
        """,
    )
    # Primary keys begin with the tenant, which the look-up does not know.
    op.execute("CREATE INDEX ix_agents_id ON agents (id)")
    with seeding():
        _seed()


def _seed() -> None:
    op.bulk_insert(
        _table("providers", "name label description provider_type api_base_url requires_api_key"),
        [
            {
                "tenant_id": PLATFORM_TENANT,
                "id": provider.id,
                "name": provider.name,
                "label": provider.label,
                "description": provider.description,
                "provider_type": provider.kind,
                "api_base_url": provider.base_url,
                "requires_api_key": provider.requires_key,
            }
            for provider in PROVIDERS
        ],
    )
    op.bulk_insert(
        _table(
            "models",
            "provider_id name display_name provider_model_id model_type context_window"
            " embedding_dimension input_price output_price",
        ),
        [
            {
                "tenant_id": PLATFORM_TENANT,
                "id": provider.model_id(model),
                "provider_id": provider.id,
                "name": model.name,
                "display_name": model.display_name,
                "provider_model_id": model.name,
                "model_type": model.kind,
                "context_window": model.context,
                "embedding_dimension": model.dimension,
                "input_price": _per_thousand(model.prices[0]),
                "output_price": _per_thousand(model.prices[1]),
            }
            for provider in PROVIDERS
            for model in provider.models
        ],
    )


def _table(name: str, columns: str) -> sa.TableClause:
    types: dict[str, sa.types.TypeEngine[Any]] = {
        "tenant_id": sa.Uuid(),
        "id": sa.Uuid(),
        "provider_id": sa.Uuid(),
        "requires_api_key": sa.Boolean(),
        "context_window": sa.Integer(),
        "embedding_dimension": sa.Integer(),
        "input_price": sa.Numeric(14, 8),
        "output_price": sa.Numeric(14, 8),
    }
    names = ("tenant_id", "id", *columns.split())
    return sa.table(name, *(sa.column(column, types.get(column, sa.Text())) for column in names))


def _per_thousand(price: float | None) -> Decimal | None:
    return None if price is None else Decimal(str(price)) / 1000
