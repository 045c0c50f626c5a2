"""The steps of an answer as functions: a round trip each, which sets the tenant by itself.

They run with the caller's rights, so row-level security holds in them as anywhere else. See
docs/decisions/functions-on-the-hot-path.md.
"""

from alembic import op

from libs.common.database.migrations import define_tenant_function

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_STATUS_COLUMNS = """
    id uuid, task_id uuid, conversation_id uuid, message_id uuid, answer_message_id uuid,
    state text, attempt integer, kind text, error text, error_code text, queued_at timestamptz,
    completed_at timestamptz, prompt_tokens integer, completion_tokens integer
"""
_STATUS = [column.split() for column in _STATUS_COLUMNS.split(",")]
_STATUS_NAMES = ", ".join(name for name, _ in _STATUS)
_STATUS_NULLS = ", ".join(f"null::{kind}" for _, kind in _STATUS)


# A change of state writes no index but where it ends the answer; a citation belongs to its message,
# and by it to the answer.
# In an order that holds the strong locks shortly. Processes of the release before name the column
# `citations.answer_id`; it goes in a later one.
_TABLES = """
CREATE INDEX ix_answers_pending ON answers (tenant_id, id) WHERE completed_at IS NULL;
ALTER TABLE answers ADD CONSTRAINT ck_answers_completed_at
    CHECK ((completed_at IS NULL) = (state IN ('queued', 'running'))) NOT VALID;
ALTER TABLE answers SET (fillfactor = 80);
ALTER TABLE conversations SET (fillfactor = 80);
ALTER TABLE citations DROP CONSTRAINT fk_citations_answer;
ALTER TABLE citations ALTER COLUMN answer_id DROP NOT NULL;
DROP INDEX ix_citations_answer;
DROP INDEX ix_answers_queued;
DROP INDEX ix_answers_running
"""
# What was queued a moment ago is being announced; what has waited longer waits for a share.
_WAITS = """EXISTS (SELECT FROM answers a WHERE a.tenant_id = p_tenant AND a.completed_at IS NULL
                    AND a.state = 'queued'
                    AND a.queued_at < clock_timestamp() - interval '50 milliseconds')"""


def upgrade() -> None:
    """Change the tables and create the functions."""
    for statement in _TABLES.split(";"):
        op.execute(statement)
    _define_asking()
    _define_taking()
    _define_finishing()
    _define_failing()
    _define_following()


def _define_asking() -> None:
    # Stores a question, with the turns before it that the conversation does not have yet.
    define_tenant_function(
        "ask_question",
        """p_conversation uuid, p_entity uuid, p_message uuid, p_text text, p_answer uuid,
           p_task uuid, p_kind text, p_options jsonb, p_traceparent text, p_event uuid,
           p_turn_ids uuid[], p_turn_roles text[], p_turn_texts text[]""",
        returns="uuid",
        declare="v_agent uuid; v_sequence bigint; v_turns integer := cardinality(p_turn_ids);",
        body="""
        UPDATE conversations
        SET last_sequence = last_sequence + v_turns + 1,
            message_count = message_count + v_turns + 1, last_activity = now()
        WHERE tenant_id = p_tenant AND id = p_conversation AND deleted_at IS NULL
          AND (p_entity IS NULL OR entity_id = p_entity)
        RETURNING agent_id, last_sequence INTO v_agent, v_sequence;
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
        INSERT INTO messages (tenant_id, id, conversation_id, sequence, role, content)
        VALUES (p_tenant, p_message, p_conversation, v_sequence, 'user', p_text);
        INSERT INTO answers (tenant_id, id, conversation_id, message_id, agent_id, task_id, kind,
                             options, traceparent)
        VALUES (p_tenant, p_answer, p_conversation, p_message, v_agent, p_task, p_kind,
                p_options, p_traceparent);
        INSERT INTO outbox (tenant_id, id, name, version, aggregate_id, aggregate_version,
                            traceparent, payload)
        VALUES (p_tenant, p_event, 'message.posted', 1, p_message, 0, p_traceparent,
                jsonb_build_object('message_id', p_message, 'conversation_id', p_conversation,
                                   'agent_id', v_agent));
        RETURN v_agent;
        """,
    )


def _define_taking() -> None:
    # Takes those of the listed answers that are free, or (without a list) the oldest that wait.
    # Counting what is in flight and taking more must not interleave with another worker's. A
    # lease lost in a crash of the database is one that nobody holds: no flush is waited for.
    # Row by row, each by its whole key: as a join, a planner without fresh statistics reads all
    # of the tenant's messages (3 ms instead of 0.2 at 3,000).
    # With each comes its history: the last turns, and all instructions, which only completions
    # hold.
    define_tenant_function(
        "take_answers",
        "p_listed uuid[], p_per_tenant integer, p_owner text, p_lease interval, p_turns integer",
        returns="""TABLE (
            id uuid, attempt integer, task_id uuid, conversation_id uuid, agent_id uuid,
            message_id uuid, options jsonb, queued_at timestamptz, traceparent text,
            content text, max_context_length integer, history json)""",
        declare="v_free integer; v_sequence bigint; v_channel text;",
        body="""
        PERFORM pg_advisory_xact_lock(hashtextextended('answers:' || p_tenant, 0)),
                set_config('synchronous_commit', 'off', true);
        SELECT p_per_tenant - count(*) INTO v_free
        FROM answers
        WHERE tenant_id = p_tenant AND completed_at IS NULL AND state = 'running'
          AND lease_until >= clock_timestamp();
        IF v_free <= 0 THEN
            RETURN;
        END IF;
        FOR id IN
            SELECT a.id FROM answers a
            WHERE a.tenant_id = p_tenant AND a.completed_at IS NULL
              AND ((p_listed IS NULL AND a.state = 'queued')
                   OR (a.id = ANY(p_listed)
                       AND (a.state = 'queued' OR a.lease_until < clock_timestamp())))
            ORDER BY a.id LIMIT v_free
            FOR UPDATE SKIP LOCKED
        LOOP
            UPDATE answers a
            SET state = 'running', attempt = a.attempt + 1, lease_owner = p_owner,
                lease_until = clock_timestamp() + p_lease,
                started_at = coalesce(a.started_at, clock_timestamp())
            WHERE a.tenant_id = p_tenant AND a.id = take_answers.id
            RETURNING a.attempt, a.task_id, a.conversation_id, a.agent_id, a.message_id,
                      a.options, a.queued_at, a.traceparent
            INTO attempt, task_id, conversation_id, agent_id, message_id, options, queued_at,
                 traceparent;
            SELECT m.content, m.sequence INTO content, v_sequence
            FROM messages m WHERE m.tenant_id = p_tenant AND m.id = take_answers.message_id;
            SELECT c.max_context_length, c.channel INTO max_context_length, v_channel
            FROM conversations c
            WHERE c.tenant_id = p_tenant AND c.id = take_answers.conversation_id;
            SELECT json_agg(json_build_array(e.role, e.content) ORDER BY e.sequence) INTO history
            FROM (SELECT m.role, m.content, m.sequence FROM messages m
                  WHERE m.tenant_id = p_tenant
                    AND m.conversation_id = take_answers.conversation_id
                    AND m.sequence < v_sequence AND m.deleted_at IS NULL
                  ORDER BY m.sequence DESC LIMIT p_turns) e;
            IF v_channel = 'completion' THEN
                SELECT json_agg(json_build_array(e.role, e.content) ORDER BY e.sequence)
                INTO history
                FROM (SELECT m.role, m.content, m.sequence,
                             row_number() OVER (ORDER BY m.sequence DESC) AS back
                      FROM messages m
                      WHERE m.tenant_id = p_tenant
                        AND m.conversation_id = take_answers.conversation_id
                        AND m.sequence < v_sequence AND m.deleted_at IS NULL) e
                WHERE e.back <= p_turns OR e.role = 'system';
            END IF;
            RETURN NEXT;
        END LOOP;
        """,
    )


def _define_finishing() -> None:
    # Stores an answer with its message, citations and event, if the attempt still has its lease.
    # Called again after it was done unheard, it says the same again.
    define_tenant_function(
        "finish_answer",
        """p_answer uuid, p_attempt integer, p_owner text, p_message uuid, p_mode text,
           p_prompt_tokens integer, p_completion_tokens integer, p_cost_micros bigint,
           p_text text, p_model text, p_seconds double precision, p_sources jsonb,
           p_metadata jsonb, p_citations jsonb, p_event uuid, p_traceparent text,
           p_payload jsonb""",
        returns="TABLE (created_at timestamptz, tenant_waits boolean, conversation_waits boolean)",
        declare="v_conversation uuid; v_queued_at timestamptz; v_sequence bigint;",
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
        WHERE tenant_id = p_tenant AND id = v_conversation
        RETURNING last_sequence INTO v_sequence;
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


def _define_failing() -> None:
    # Stores that there will be no answer; null when the attempt has lost its lease.
    define_tenant_function(
        "fail_answer",
        """p_answer uuid, p_attempt integer, p_owner text, p_code text, p_error text,
           p_event uuid, p_traceparent text, p_payload jsonb""",
        returns="boolean",
        body=f"""
        UPDATE answers
        SET state = 'failed', completed_at = clock_timestamp(), error_code = p_code,
            error = p_error, lease_owner = NULL, lease_until = NULL
        WHERE tenant_id = p_tenant AND id = p_answer AND state = 'running'
          AND attempt = p_attempt AND lease_owner = p_owner;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        INSERT INTO outbox (tenant_id, id, name, version, aggregate_id, aggregate_version,
                            traceparent, payload)
        VALUES (p_tenant, p_event, 'answer.failed', 1, p_answer, 1, p_traceparent, p_payload);
        RETURN {_WAITS};
        """,
    )


def _define_following() -> None:
    # A conversation's newest answer and those pending, and all since a given one; one row of
    # nulls when it has none, no row when there is no such conversation. Ordered as the index of
    # conversations is, so that no plan walks the tenant's answers backwards instead.
    define_tenant_function(
        "latest_answers",
        "p_conversation uuid, p_entity uuid, p_since uuid",
        returns=f"TABLE ({_STATUS_COLUMNS})",
        body=f"""
        PERFORM FROM conversations c
        WHERE c.tenant_id = p_tenant AND c.id = p_conversation AND c.deleted_at IS NULL
          AND (p_entity IS NULL OR c.entity_id = p_entity);
        IF NOT FOUND THEN
            RETURN;
        END IF;
        RETURN QUERY
        SELECT {_STATUS_NAMES} FROM (
            SELECT * FROM answers a
            WHERE a.tenant_id = p_tenant AND a.conversation_id = p_conversation
            ORDER BY a.conversation_id DESC, a.id DESC LIMIT 20
        ) recent
        WHERE (completed_at IS NULL OR id >= p_since
               OR id = (SELECT a.id FROM answers a
                        WHERE a.tenant_id = p_tenant AND a.conversation_id = p_conversation
                        ORDER BY a.conversation_id DESC, a.id DESC LIMIT 1))
          AND coalesce((SELECT m.deleted_at IS NULL FROM messages m
                        WHERE m.tenant_id = p_tenant AND m.id = recent.answer_message_id), true)
        ORDER BY id;
        IF NOT FOUND THEN
            RETURN QUERY SELECT {_STATUS_NULLS};
        END IF;
        """,
    )
    define_tenant_function(
        "answer_status",
        "p_answer uuid",
        returns=f"TABLE ({_STATUS_COLUMNS})",
        body=f"""
        RETURN QUERY SELECT {_STATUS_NAMES} FROM answers a
        WHERE a.tenant_id = p_tenant AND a.id = p_answer;
        """,
    )
