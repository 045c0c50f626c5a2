"""Asking also tells whether the conversation waits for other answers.

Who follows a conversation right after asking in it then need not look for others.
"""

from alembic import op

from libs.common.database.migrations import define_tenant_function

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ARGUMENTS = """p_conversation uuid, p_entity uuid, p_message uuid, p_text text, p_answer uuid,
    p_task uuid, p_kind text, p_options jsonb, p_traceparent text, p_event uuid,
    p_turn_ids uuid[], p_turn_roles text[], p_turn_texts text[]"""
_NAMES = ", ".join(argument.split()[0] for argument in _ARGUMENTS.split(","))


def upgrade() -> None:
    """Create `post_question`; processes of the release before call `ask_question` themselves."""
    define_tenant_function(
        "post_question",
        _ARGUMENTS,
        returns="TABLE (agent_id uuid, alone boolean)",
        declare="v_agent uuid;",
        # By the index of a conversation's answers, newest first: what is pending is among them.
        body=f"""
        v_agent := ask_question(p_tenant, {_NAMES});
        RETURN QUERY SELECT v_agent, NOT EXISTS (
            SELECT FROM (
                SELECT a.id, a.completed_at FROM answers a
                WHERE a.tenant_id = p_tenant AND a.conversation_id = p_conversation
                ORDER BY a.conversation_id DESC, a.id DESC LIMIT 20
            ) recent
            WHERE recent.completed_at IS NULL AND recent.id <> p_answer);
        """,
    )


def downgrade() -> None:
    """Drop it; nothing is kept in it."""
    op.execute("DROP FUNCTION post_question")
