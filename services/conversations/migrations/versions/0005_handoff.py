"""Hand-off: a conversation's state, and an agent that is silent once a person has taken over."""

from alembic import op

from libs.common.database.migrations import define_tenant_function, protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE conversations ADD COLUMN handoff text NOT NULL DEFAULT 'bot'
    CONSTRAINT ck_conversations_handoff CHECK (handoff IN ('bot', 'waiting', 'human', 'closed'));
ALTER TABLE conversations ADD COLUMN handoff_user_id uuid;
ALTER TABLE conversations ADD COLUMN handoff_at timestamptz;
CREATE INDEX ix_conversations_handoff ON conversations (tenant_id, handoff, handoff_at)
    WHERE handoff IN ('waiting', 'human');
CREATE TABLE lead_continuations (
    tenant_id uuid NOT NULL,
    visit_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    replacement_id uuid NOT NULL,
    CONSTRAINT pk_lead_continuations PRIMARY KEY (tenant_id, visit_id, conversation_id),
    CONSTRAINT fk_lead_continuations_visit FOREIGN KEY (tenant_id, visit_id)
        REFERENCES lead_visits (tenant_id, id) ON DELETE CASCADE
)
"""
_NOBODY = "'00000000-0000-0000-0000-000000000000'::uuid"
_WAITS = """EXISTS (SELECT FROM answers a WHERE a.tenant_id = p_tenant AND a.completed_at IS NULL
                    AND a.state = 'queued'
                    AND a.queued_at < clock_timestamp() - interval '50 milliseconds')"""


def upgrade() -> None:
    """Add the columns, and have asking and finishing look at the state."""
    for statement in _TABLES.split(";"):
        op.execute(statement)
    # What a lead finds under the id of a conversation that another of their visits began.
    protect("lead_continuations")
    _define_asking()
    _define_finishing()


def _define_asking() -> None:
    # As in 0002, but where a person has the conversation the question is stored and nothing is
    # queued; nobody's id is returned then. Whoever asks where a person has closed it talks to the
    # agent again. The page that a question is asked from stays with its message.
    define_tenant_function(
        "ask_question",
        """p_conversation uuid, p_entity uuid, p_message uuid, p_text text, p_answer uuid,
           p_task uuid, p_kind text, p_options jsonb, p_traceparent text, p_event uuid,
           p_turn_ids uuid[], p_turn_roles text[], p_turn_texts text[]""",
        returns="uuid",
        declare="""v_agent uuid; v_sequence bigint; v_handoff text;
                   v_turns integer := cardinality(p_turn_ids);""",
        body=f"""
        UPDATE conversations
        SET last_sequence = last_sequence + v_turns + 1,
            message_count = message_count + v_turns + 1, last_activity = now(),
            handoff = CASE handoff WHEN 'closed' THEN 'bot' ELSE handoff END
        WHERE tenant_id = p_tenant AND id = p_conversation AND deleted_at IS NULL
          AND (p_entity IS NULL OR entity_id = p_entity)
        RETURNING agent_id, last_sequence, handoff INTO v_agent, v_sequence, v_handoff;
        IF v_agent IS NULL THEN
            RETURN NULL;
        END IF;
        IF v_turns > 0 THEN
            INSERT INTO messages (tenant_id, id, conversation_id, sequence, role, content)
            SELECT p_tenant, t.id, p_conversation, v_sequence - v_turns - 1 + t.position,
                   t.role, t.content
            FROM unnest(p_turn_ids, p_turn_roles, p_turn_texts)
                WITH ORDINALITY AS t(id, role, content, position);
        END IF;
        INSERT INTO messages (tenant_id, id, conversation_id, sequence, role, content, metadata)
        VALUES (p_tenant, p_message, p_conversation, v_sequence, 'user', p_text,
                CASE WHEN p_options ? 'page'
                     THEN jsonb_build_object('page', p_options->'page') ELSE '{{}}' END);
        IF v_handoff <> 'human' THEN
            INSERT INTO answers (tenant_id, id, conversation_id, message_id, agent_id, task_id,
                                 kind, options, traceparent)
            VALUES (p_tenant, p_answer, p_conversation, p_message, v_agent, p_task, p_kind,
                    p_options, p_traceparent);
        END IF;
        INSERT INTO outbox (tenant_id, id, name, version, aggregate_id, aggregate_version,
                            traceparent, payload)
        VALUES (p_tenant, p_event, 'message.posted', 1, p_message, 0, p_traceparent,
                jsonb_build_object('message_id', p_message, 'conversation_id', p_conversation,
                                   'agent_id', v_agent));
        RETURN CASE v_handoff WHEN 'human' THEN {_NOBODY} ELSE v_agent END;
        """,
    )


def _define_finishing() -> None:
    # As in 0002, but where a person has the conversation by now nothing is said: whoever takes
    # over changes the conversation's row, on which this waits and then looks again. What the
    # attempt cost is told all the same.
    define_tenant_function(
        "finish_answer",
        """p_answer uuid, p_attempt integer, p_owner text, p_message uuid, p_mode text,
           p_prompt_tokens integer, p_completion_tokens integer, p_cost_micros bigint,
           p_text text, p_model text, p_seconds double precision, p_sources jsonb,
           p_metadata jsonb, p_citations jsonb, p_event uuid, p_traceparent text,
           p_payload jsonb""",
        returns="TABLE (created_at timestamptz, tenant_waits boolean, conversation_waits boolean)",
        declare="""v_conversation uuid; v_queued_at timestamptz; v_sequence bigint;""",
        body=f"""
        UPDATE answers
        SET state = 'completed', completed_at = clock_timestamp(),
            answer_message_id = p_message, mode = p_mode, prompt_tokens = p_prompt_tokens,
            completion_tokens = p_completion_tokens, cost_micros = p_cost_micros,
            lease_owner = NULL, lease_until = NULL
        WHERE tenant_id = p_tenant AND id = p_answer AND state = 'running'
          AND attempt = p_attempt AND lease_owner = p_owner
        RETURNING conversation_id, queued_at INTO v_conversation, v_queued_at;
        IF v_conversation IS NULL THEN
            RETURN QUERY SELECT m.created_at, true, true FROM messages m
                         WHERE m.tenant_id = p_tenant AND m.id = p_message;
            RETURN;
        END IF;
        UPDATE conversations
        SET last_sequence = last_sequence + 1, message_count = message_count + 1,
            total_tokens = total_tokens + p_prompt_tokens + p_completion_tokens,
            last_activity = now()
        WHERE tenant_id = p_tenant AND id = v_conversation AND handoff <> 'human'
        RETURNING last_sequence INTO v_sequence;
        IF v_sequence IS NULL THEN
            UPDATE answers
            SET state = 'cancelled', answer_message_id = NULL, error_code = 'handed_over',
                error = 'A person has taken over the conversation.'
            WHERE tenant_id = p_tenant AND id = p_answer;
            INSERT INTO outbox (tenant_id, id, name, version, aggregate_id, aggregate_version,
                                traceparent, payload)
            VALUES (p_tenant, p_event, 'answer.failed', 1, p_answer, 1, p_traceparent,
                    jsonb_build_object('answer_id', p_answer, 'conversation_id', v_conversation,
                        'agent_id', p_payload->'agent_id', 'code', 'handed_over',
                        'prompt_tokens', p_prompt_tokens,
                        'completion_tokens', p_completion_tokens,
                        'cost_micros', p_cost_micros));
            RETURN;
        END IF;
        INSERT INTO messages (tenant_id, id, conversation_id, sequence, role, content,
                              model_used, processing_time, tokens_used, sources, metadata)
        VALUES (p_tenant, p_message, v_conversation, v_sequence, 'assistant', p_text, p_model,
                p_seconds, p_prompt_tokens + p_completion_tokens, p_sources, p_metadata);
        IF jsonb_array_length(p_citations) > 0 THEN
            INSERT INTO citations (tenant_id, id, message_id, position, source_number,
                                   document_id, document_version, passage_id, page, char_start,
                                   char_end, quote, name, url)
            SELECT p_tenant, r.id, p_message, r.position, r.source_number, r.document_id,
                   r.document_version, r.passage_id, r.page, r.char_start, r.char_end, r.quote,
                   r.name, r.url
            FROM jsonb_to_recordset(p_citations) AS r(
                id uuid, position integer, source_number integer, document_id uuid,
                document_version integer, passage_id uuid, page integer, char_start integer,
                char_end integer, quote text, name text, url text);
        END IF;
        INSERT INTO outbox (tenant_id, id, name, version, aggregate_id, aggregate_version,
                            traceparent, payload)
        VALUES (p_tenant, p_event, 'answer.completed', 1, p_answer, 1, p_traceparent,
                p_payload || jsonb_build_object('duration_ms',
                    round(extract(epoch FROM clock_timestamp() - v_queued_at) * 1000)::bigint));
        RETURN QUERY SELECT
            now(),
            {_WAITS},
            EXISTS (SELECT FROM answers a WHERE a.tenant_id = p_tenant
                    AND a.completed_at IS NULL AND a.conversation_id = v_conversation);
        """,
    )
