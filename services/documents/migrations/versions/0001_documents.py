"""Documents, their passages, and the tables that every service has.

Revision ID: 0001
"""

from alembic import op

from libs.common.database.migrations import create_common_tables, define_lookup, protect

revision = "0001"
down_revision = None

_TABLES = (
    """
    CREATE TABLE documents (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        agent_id uuid NOT NULL,
        task_id uuid NOT NULL,
        blob_id uuid NOT NULL,
        filename text NOT NULL,
        title text,
        document_type text NOT NULL,
        size_bytes bigint NOT NULL,
        content_hash bytea NOT NULL,
        source_url text,
        extra jsonb NOT NULL DEFAULT '{}',
        uploaded_by uuid,
        status text NOT NULL,
        stage text NOT NULL,
        progress double precision NOT NULL DEFAULT 0,
        reason_code text,
        processing_error text,
        version integer NOT NULL DEFAULT 1,
        live_version integer,
        embedding_space text,
        embedding_model text,
        page_count integer,
        word_count integer,
        passage_count integer,
        token_count integer,
        warnings text[] NOT NULL DEFAULT '{}',
        processed_at timestamptz,
        deleted_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_documents PRIMARY KEY (tenant_id, id),
        CONSTRAINT ck_documents_status
            CHECK (status IN ('pending', 'processing', 'processed', 'failed')),
        CONSTRAINT ck_documents_failed_has_reason
            CHECK (status <> 'failed' OR processing_error IS NOT NULL)
    )
    """,
    # One copy of a file for each agent.
    """
    CREATE UNIQUE INDEX ux_documents_content ON documents (tenant_id, agent_id, content_hash)
        WHERE deleted_at IS NULL
    """,
    "CREATE INDEX ix_documents_deleted_at ON documents (deleted_at) WHERE deleted_at IS NOT NULL",
    "CREATE INDEX ix_documents_task_id ON documents (task_id)",
    """
    CREATE TABLE passages (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        document_id uuid NOT NULL,
        document_version integer NOT NULL,
        position integer NOT NULL,
        page integer,
        heading_path text[] NOT NULL DEFAULT '{}',
        char_start integer NOT NULL,
        char_end integer NOT NULL,
        word_count integer NOT NULL,
        token_estimate integer NOT NULL,
        text text NOT NULL,
        deleted_at timestamptz,
        CONSTRAINT pk_passages PRIMARY KEY (tenant_id, id),
        CONSTRAINT uq_passages_document_id
            UNIQUE (tenant_id, document_id, document_version, position),
        CONSTRAINT fk_passages_document_id_documents
            FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id)
            ON DELETE CASCADE,
        CONSTRAINT ck_passages_span CHECK (0 <= char_start AND char_start < char_end)
    )
    """,
)


def upgrade() -> None:
    create_common_tables("documents")
    for statement in _TABLES:
        op.execute(statement)
    protect("documents", cross_tenant=True)
    protect("passages")
    # Whoever holds a task's id may poll it for a day after its end, credentials or not.
    define_lookup(
        "find_task",
        "wanted uuid",
        returns="TABLE (tenant_id uuid, document_id uuid)",
        body="""
            SELECT tenant_id, id FROM documents
            WHERE task_id = wanted
              AND (status IN ('pending', 'processing') OR updated_at > now() - interval '1 day')
        """,
    )
