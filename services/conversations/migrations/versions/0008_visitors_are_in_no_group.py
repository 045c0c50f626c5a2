"""What is asked in a visitor's conversation is answered for the visitor, whoever asks."""

from libs.common.database.migrations import define_tenant_function

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ARGUMENTS = """p_conversation uuid, p_entity uuid, p_message uuid, p_text text, p_answer uuid,
    p_task uuid, p_kind text, p_options jsonb, p_traceparent text, p_event uuid,
    p_turn_ids uuid[], p_turn_roles text[], p_turn_texts text[]"""
_NAMES = ", ".join(argument.split()[0] for argument in _ARGUMENTS.split(","))


def upgrade() -> None:
    """Define `post_question` anew: the asker's groups go where a visitor reads the answer."""
    define_tenant_function(
        "post_question",
        _ARGUMENTS,
        returns="TABLE (agent_id uuid, alone boolean)",
        declare="v_agent uuid;",
        # As in 0003 but for the groups; who has none pays nothing for it.
        body=f"""
        IF p_options ? 'asker_groups' AND EXISTS (
            SELECT FROM conversations c
            WHERE c.tenant_id = p_tenant AND c.id = p_conversation AND c.lead_id IS NOT NULL
        ) THEN
            p_options := p_options - 'asker_groups';
        END IF;
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
