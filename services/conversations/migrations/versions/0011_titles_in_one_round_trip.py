"""Titles that the model makes are looked up and written in one round trip each."""

from alembic import op

from libs.common.database.migrations import define_tenant_function

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Define the two steps: every new conversation takes them."""
    define_tenant_function(
        "conversation_untitled",
        "p_conversation uuid, p_default text",
        returns="boolean",
        body="""
        RETURN EXISTS (
            SELECT FROM conversations
            WHERE tenant_id = p_tenant AND id = p_conversation AND title = p_default
              AND channel = 'chat' AND deleted_at IS NULL);
        """,
    )
    define_tenant_function(
        "title_conversation",
        "p_conversation uuid, p_default text, p_title text",
        returns="void",
        body="""
        UPDATE conversations SET title = p_title
        WHERE tenant_id = p_tenant AND id = p_conversation AND title = p_default
          AND deleted_at IS NULL;
        """,
    )


def downgrade() -> None:
    """Take the functions back."""
    op.execute("DROP FUNCTION title_conversation(uuid, uuid, text, text)")
    op.execute("DROP FUNCTION conversation_untitled(uuid, uuid, text)")
