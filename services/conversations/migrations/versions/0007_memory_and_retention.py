"""Summaries of long conversations, and finding what was deleted long enough ago to be erased."""

from alembic import op

from libs.common.database.migrations import define_lookup, protect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, what keeps it true, and the look-up."""
    op.execute("""
        CREATE TABLE conversation_summaries (
            tenant_id uuid NOT NULL,
            id uuid NOT NULL,
            through_sequence bigint NOT NULL,
            summary bytea NOT NULL,
            updated_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT pk_conversation_summaries PRIMARY KEY (tenant_id, id),
            CONSTRAINT fk_conversation_summaries_conversation FOREIGN KEY (tenant_id, id)
                REFERENCES conversations (tenant_id, id) ON DELETE CASCADE
        )
    """)
    protect("conversation_summaries")
    # What is deleted or left with a branch is not to be remembered either, whoever does it.
    op.execute("""
        CREATE FUNCTION forget_summary() RETURNS trigger LANGUAGE plpgsql AS $forget$
        BEGIN
            DELETE FROM conversation_summaries
            WHERE tenant_id = NEW.tenant_id AND id = NEW.conversation_id;
            RETURN NULL;
        END $forget$
    """)
    op.execute("""
        CREATE TRIGGER forget_summary AFTER UPDATE OF deleted_at ON messages FOR EACH ROW
        WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at) EXECUTE FUNCTION forget_summary()
    """)
    op.execute(
        "CREATE INDEX ix_conversations_deleted ON conversations (tenant_id, deleted_at)"
        " WHERE deleted_at IS NOT NULL"
    )
    define_lookup(
        "tenants_to_erase_for",
        "p_before timestamptz",
        returns="TABLE (tenant_id uuid)",
        body=(
            "SELECT c.tenant_id FROM conversations c WHERE c.deleted_at < p_before"
            " UNION SELECT m.tenant_id FROM messages m"
            " WHERE m.deleted_at < p_before AND m.branch_id IS NULL"
        ),
        worker_only=True,
    )
