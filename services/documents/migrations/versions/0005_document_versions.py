"""Files that newer ones have taken the place of, and finding a document by its name."""

from alembic import op

from libs.common.database.migrations import protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_VERSIONS = """
CREATE TABLE document_versions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    blob_id uuid NOT NULL,
    filename text NOT NULL,
    document_type text NOT NULL,
    size_bytes bigint NOT NULL,
    content_hash bytea NOT NULL,
    uploaded_by uuid,
    status text NOT NULL,
    replaced_at timestamptz NOT NULL,
    CONSTRAINT pk_document_versions PRIMARY KEY (tenant_id, id),
    CONSTRAINT uq_document_versions_document_id UNIQUE (tenant_id, document_id, version),
    CONSTRAINT fk_document_versions_document_id_documents
        FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id)
        ON DELETE CASCADE
)
"""


def upgrade() -> None:
    """Create the table, and what a replaced document needs beside its row."""
    op.execute(_VERSIONS)
    # Which files in the store belong to somebody is asked by them.
    op.execute("CREATE INDEX ix_document_versions_blob ON document_versions (tenant_id, blob_id)")
    protect("document_versions", cross_tenant=True)
    op.execute("ALTER TABLE documents ADD next_filename text")
    op.execute(
        "CREATE INDEX ix_documents_filename ON documents (tenant_id, agent_id, filename)"
        " WHERE deleted_at IS NULL"
    )


def downgrade() -> None:
    """Forget what was replaced; the files are swept up later."""
    op.execute("DROP INDEX ix_documents_filename")
    op.execute("ALTER TABLE documents DROP next_filename")
    op.execute("DROP TABLE document_versions")
