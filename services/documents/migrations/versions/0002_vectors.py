"""Vectors in PostgreSQL: a table per dimension, and what search keeps in memory of each passage.

Revision ID: 0002
"""

from alembic import op

from libs.common.database.migrations import protect

revision = "0002"
down_revision = "0001"

# pgvector indexes up to 2,000 dimensions as vector and 4,000 as halfvec.
_COLUMN_TYPES = {
    384: "vector(384)",
    512: "vector(512)",
    768: "vector(768)",
    1024: "vector(1024)",
    1536: "vector(1536)",
    3072: "halfvec(3072)",
}

_GENERATIONS = """
CREATE TABLE knowledge_generations (
    tenant_id uuid NOT NULL,
    space text NOT NULL,
    agent_id uuid NOT NULL,
    generation bigint NOT NULL DEFAULT 1,
    removals bigint NOT NULL DEFAULT 0,
    CONSTRAINT pk_knowledge_generations PRIMARY KEY (tenant_id, space, agent_id)
)
"""

_DIGESTS = """
CREATE TABLE passage_digests (
    tenant_id uuid NOT NULL,
    space text NOT NULL,
    passage_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    document_id uuid NOT NULL,
    document_version integer NOT NULL,
    generation bigint NOT NULL,
    code bytea NOT NULL,
    term_ids bytea NOT NULL,
    term_counts bytea NOT NULL,
    CONSTRAINT pk_passage_digests PRIMARY KEY (tenant_id, space, passage_id)
)
"""


def upgrade() -> None:
    """Create the tables; every index but these is built by hand, when a table needs it."""
    op.execute(_GENERATIONS)
    protect("knowledge_generations")
    op.execute(_DIGESTS)
    # Ids are unique by themselves. An index that began like the primary key would be taken for
    # it before the table's first ANALYZE, and a look-up by id would read the tenant's every row.
    op.execute(
        "CREATE INDEX ix_passage_digests_generation ON passage_digests"
        " (agent_id, space, generation)"
    )
    op.execute("CREATE INDEX ix_passage_digests_document ON passage_digests (document_id)")
    protect("passage_digests")
    for dimension, column_type in _COLUMN_TYPES.items():
        table = f"vectors_{dimension}"
        op.execute(
            f"CREATE TABLE {table} ("
            "tenant_id uuid NOT NULL, space text NOT NULL, passage_id uuid NOT NULL, "
            "agent_id uuid NOT NULL, document_id uuid NOT NULL, "
            f"document_version integer NOT NULL, embedding {column_type} NOT NULL, "
            f"CONSTRAINT pk_{table} PRIMARY KEY (tenant_id, space, passage_id))"
        )
        # A vector fits on a page, and beside its row it is read without a detour.
        op.execute(f"ALTER TABLE {table} ALTER embedding SET STORAGE PLAIN")
        op.execute(f"CREATE INDEX ix_{table}_agent ON {table} (agent_id, space)")
        protect(table)


def downgrade() -> None:
    """Drop the tables; they can be filled again from the documents."""
    for dimension in _COLUMN_TYPES:
        op.execute(f"DROP TABLE vectors_{dimension}")
    op.execute("DROP TABLE passage_digests")
    op.execute("DROP TABLE knowledge_generations")
