"""Answers that are cancelled, branches of a conversation, and ratings."""

from alembic import op

from libs.common.database.migrations import define_tenant_function

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A message of a branch that was left is hidden as deleted ones are, which all queries know; what
# tells it from them is the act that hid it (`branch_id`) and the message that stayed before it.
_TABLES = """
ALTER TABLE answers ADD COLUMN cancel_requested_at timestamptz;
ALTER TABLE messages ADD COLUMN branch_id uuid;
ALTER TABLE messages ADD COLUMN branch_after uuid;
ALTER TABLE messages ADD COLUMN user_feedback jsonb;
ALTER TABLE conversations ADD COLUMN lead_satisfaction double precision;
CREATE INDEX ix_messages_branch ON messages (tenant_id, conversation_id, branch_id)
    WHERE branch_id IS NOT NULL
"""


def upgrade() -> None:
    """Add the columns, and the function that ends a cancelled answer."""
    for statement in _TABLES.split(";"):
        op.execute(statement)
    # As `finish_answer`, with which it shares the bill and the lease; without a text there is no
    # message, and what the attempt cost goes with the event of its failure.
    define_tenant_function(
        "end_cancelled_answer",
        """p_answer uuid, p_attempt integer, p_owner text, p_message uuid, p_mode text,
           p_prompt_tokens integer, p_completion_tokens integer, p_cost_micros bigint,
           p_text text, p_model text, p_seconds double precision, p_sources jsonb,
           p_metadata jsonb, p_citations jsonb, p_event uuid, p_traceparent text,
           p_payload jsonb""",
        returns="TABLE (created_at timestamptz, tenant_waits boolean, conversation_waits boolean)",
        declare="v_waits boolean;",
        body="""
        IF p_text <> '' THEN
            RETURN QUERY SELECT f.created_at, f.tenant_waits, f.conversation_waits
            FROM finish_answer(p_tenant, p_answer, p_attempt, p_owner, p_message, p_mode,
                p_prompt_tokens, p_completion_tokens, p_cost_micros, p_text, p_model, p_seconds,
                p_sources, p_metadata, p_citations, p_event, p_traceparent, p_payload) f;
            IF NOT FOUND THEN
                RETURN;
            END IF;
        ELSE
            v_waits := fail_answer(p_tenant, p_answer, p_attempt, p_owner, 'answer_cancelled',
                'The answer was cancelled.', p_event, p_traceparent, p_payload);
            IF v_waits IS NULL THEN
                RETURN;
            END IF;
            RETURN QUERY SELECT now(), v_waits, true;
        END IF;
        UPDATE answers SET state = 'cancelled'
        WHERE tenant_id = p_tenant AND id = p_answer AND state IN ('completed', 'failed')
          AND attempt = p_attempt;
        """,
    )
