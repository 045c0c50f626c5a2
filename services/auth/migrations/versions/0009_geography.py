"""Countries, states and cities that all may read, and companies' addresses."""

from alembic import op

from libs.common.database import PLATFORM_TENANT
from libs.common.database.migrations import protect, protect_shared, refuse_downgrade
from services.auth.migrations.geography import seed

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A parent may be the platform's row or an own one of the same id, so it is no foreign key; see
# docs/decisions/shared-catalogue-rows.md.
STATEMENTS = (
    """
    CREATE TABLE countries (
        tenant_id uuid NOT NULL,
        id bigint NOT NULL,
        name text NOT NULL,
        iso_code text,
        CONSTRAINT pk_countries PRIMARY KEY (tenant_id, id)
    )
    """,
    """
    CREATE TABLE states (
        tenant_id uuid NOT NULL,
        id bigint NOT NULL,
        country_id bigint NOT NULL,
        name text NOT NULL,
        state_code text,
        CONSTRAINT pk_states PRIMARY KEY (tenant_id, id)
    )
    """,
    """
    CREATE TABLE cities (
        tenant_id uuid NOT NULL,
        id bigint NOT NULL,
        state_id bigint NOT NULL,
        name text NOT NULL,
        postal_code_prefix text,
        CONSTRAINT pk_cities PRIMARY KEY (tenant_id, id)
    )
    """,
    """
    CREATE TABLE addresses (
        tenant_id uuid NOT NULL,
        id bigint NOT NULL,
        country_id bigint NOT NULL,
        state_id bigint NOT NULL,
        city_id bigint NOT NULL,
        is_primary boolean NOT NULL,
        sealed bytea NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        CONSTRAINT pk_addresses PRIMARY KEY (tenant_id, id),
        CONSTRAINT fk_addresses_tenant_id_tenants FOREIGN KEY (tenant_id) REFERENCES tenants
    )
    """,
    "CREATE INDEX ix_states_country_id ON states (tenant_id, country_id)",
    "CREATE INDEX ix_cities_state_id ON cities (tenant_id, state_id)",
    "CREATE UNIQUE INDEX uq_addresses_primary ON addresses (tenant_id) WHERE is_primary",
    # What a company adds is there once; GeoNames has towns of one name in one state.
    f"""
    CREATE UNIQUE INDEX uq_countries_own_name ON countries (tenant_id, lower(name))
        WHERE tenant_id <> '{PLATFORM_TENANT}'
    """,
    f"""
    CREATE UNIQUE INDEX uq_states_own_name ON states (tenant_id, country_id, lower(name))
        WHERE tenant_id <> '{PLATFORM_TENANT}'
    """,
    f"""
    CREATE UNIQUE INDEX uq_cities_own_name ON cities (tenant_id, state_id, lower(name))
        WHERE tenant_id <> '{PLATFORM_TENANT}'
    """,
)


def upgrade() -> None:
    """Make the tables, and fill the shared ones."""
    for statement in STATEMENTS:
        op.execute(statement)
    for table in ("countries", "states", "cities"):
        protect_shared(table)
    protect("addresses")
    seed()


def downgrade() -> None:
    """Refuse."""
    refuse_downgrade(loses="companies' addresses and places")
