"""The statements of the answer engine, for `AnswerStore`.

Each begins with the tenant (`$1`), save those that sweep over all tenants with the worker's role.
"""

from typing import Final

_HISTORY_TURNS: Final = 20

ASK: Final = """
WITH conversation AS (
    UPDATE conversations
    SET last_sequence = last_sequence + 1, message_count = message_count + 1,
        last_activity = now()
    WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
      AND ($3::uuid IS NULL OR entity_id = $3)
    RETURNING agent_id, last_sequence
), message AS (
    INSERT INTO messages (tenant_id, id, conversation_id, sequence, role, content)
    SELECT $1, $4, $2, last_sequence, 'user', $5 FROM conversation
), answer AS (
    INSERT INTO answers
        (tenant_id, id, conversation_id, message_id, agent_id, task_id, kind, options, traceparent)
    SELECT $1, $6, $2, $4, agent_id, $7, $8, $9::jsonb, $10 FROM conversation
), event AS (
    INSERT INTO outbox
        (tenant_id, id, name, version, aggregate_id, aggregate_version, traceparent, payload)
    SELECT $1, $11, 'message.posted', 1, $4, 0, $10,
        jsonb_build_object('message_id', $4::uuid, 'conversation_id', $2::uuid,
                           'agent_id', agent_id)
    FROM conversation
)
SELECT agent_id FROM conversation
"""

ADD_TURNS: Final = """
WITH turns AS (
    SELECT * FROM unnest($3::uuid[], $4::text[], $5::text[])
        WITH ORDINALITY AS t(id, role, content, position)
), conversation AS (
    UPDATE conversations
    SET last_sequence = last_sequence + cardinality($3::uuid[]),
        message_count = message_count + cardinality($3::uuid[])
    WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
      AND ($6::uuid IS NULL OR entity_id = $6)
    RETURNING last_sequence - cardinality($3::uuid[]) AS before
)
INSERT INTO messages (tenant_id, id, conversation_id, sequence, role, content)
SELECT $1, turns.id, $2, before + turns.position, turns.role, turns.content
FROM conversation, turns
"""

# Counting what is in flight and taking more must not interleave with another worker's.
# A lease lost in a crash of the database is a lease that nobody holds, so no flush is waited for.
TENANT_GATE: Final = """
SELECT pg_advisory_xact_lock(hashtextextended('answers:' || $1, 0)),
       set_config('synchronous_commit', 'off', true)
"""

# The last turns, and all instructions, which only completions hold.
_TAKE: Final = """
WITH picked AS (
    SELECT id FROM answers
    WHERE tenant_id = $1 AND {candidates}
      AND (state = 'queued' OR (state = 'running' AND lease_until < clock_timestamp()))
    ORDER BY id
    LIMIT greatest(0, $2 - (SELECT count(*) FROM answers
                            WHERE tenant_id = $1 AND state = 'running'
                              AND lease_until >= clock_timestamp()))
    FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE answers a
    SET state = 'running', attempt = attempt + 1, lease_owner = $3,
        lease_until = clock_timestamp() + $4 * interval '1 second',
        started_at = coalesce(started_at, clock_timestamp())
    FROM picked WHERE a.tenant_id = $1 AND a.id = picked.id
    RETURNING a.id, a.attempt, a.task_id, a.conversation_id, a.agent_id, a.message_id,
              a.options, a.queued_at, a.traceparent
)
SELECT taken.*, question.content, conversation.max_context_length,
       (SELECT json_agg(json_build_array(earlier.role, earlier.content) ORDER BY earlier.sequence)
        FROM ((SELECT role, content, sequence FROM messages
               WHERE tenant_id = $1 AND conversation_id = taken.conversation_id
                 AND sequence < question.sequence AND deleted_at IS NULL
               ORDER BY sequence DESC LIMIT {turns})
              UNION
              SELECT role, content, sequence FROM messages
              WHERE conversation.channel = 'completion'
                AND tenant_id = $1 AND conversation_id = taken.conversation_id
                AND sequence < question.sequence AND deleted_at IS NULL
                AND role = 'system') earlier) AS history
FROM taken
JOIN messages question ON question.tenant_id = $1 AND question.id = taken.message_id
JOIN conversations conversation
  ON conversation.tenant_id = $1 AND conversation.id = taken.conversation_id
ORDER BY taken.id
"""
TAKE_LISTED: Final = _TAKE.format(candidates="id = ANY($5::uuid[])", turns=_HISTORY_TURNS)
TAKE_WAITING: Final = _TAKE.format(candidates="state = 'queued'", turns=_HISTORY_TURNS)

FINISH: Final = """
WITH done AS (
    UPDATE answers
    SET state = 'completed', completed_at = clock_timestamp(), answer_message_id = $5, mode = $6,
        prompt_tokens = $7, completion_tokens = $8, cost_micros = $9,
        lease_owner = NULL, lease_until = NULL
    WHERE tenant_id = $1 AND id = $2 AND state = 'running' AND attempt = $3 AND lease_owner = $4
    RETURNING conversation_id, queued_at
), conversation AS (
    UPDATE conversations c
    SET last_sequence = last_sequence + 1, message_count = message_count + 1,
        total_tokens = total_tokens + $7 + $8, last_activity = now()
    FROM done WHERE c.tenant_id = $1 AND c.id = done.conversation_id
    RETURNING c.id, c.last_sequence
), message AS (
    INSERT INTO messages (tenant_id, id, conversation_id, sequence, role, content, model_used,
                          processing_time, tokens_used, sources, metadata)
    SELECT $1, $5, id, last_sequence, 'assistant', $10, $11, $12, $7 + $8, $13::jsonb, $14::jsonb
    FROM conversation
    RETURNING created_at
), cited AS (
    INSERT INTO citations (tenant_id, id, answer_id, message_id, position, source_number,
                           document_id, document_version, passage_id, page, char_start, char_end,
                           quote, name, url)
    SELECT $1, r.id, $2, $5, r.position, r.source_number, r.document_id, r.document_version,
           r.passage_id, r.page, r.char_start, r.char_end, r.quote, r.name, r.url
    FROM conversation, jsonb_to_recordset($15::jsonb) AS r(
        id uuid, position integer, source_number integer, document_id uuid,
        document_version integer, passage_id uuid, page integer, char_start integer,
        char_end integer, quote text, name text, url text)
), event AS (
    INSERT INTO outbox
        (tenant_id, id, name, version, aggregate_id, aggregate_version, traceparent, payload)
    SELECT $1, $16, 'answer.completed', 1, $2, 1, $17,
        $18::jsonb || jsonb_build_object('duration_ms',
            round(extract(epoch FROM clock_timestamp() - queued_at) * 1000)::bigint)
    FROM done
)
SELECT message.created_at,
       EXISTS (SELECT FROM answers WHERE tenant_id = $1 AND state = 'queued') AS waiting,
       EXISTS (SELECT FROM answers a WHERE a.tenant_id = $1 AND a.id <> $2
               AND a.conversation_id = done.conversation_id
               AND a.state IN ('queued', 'running')) AS others_pending
FROM message, done
"""

FAIL: Final = """
WITH done AS (
    UPDATE answers
    SET state = 'failed', completed_at = clock_timestamp(), error_code = $5, error = $6,
        lease_owner = NULL, lease_until = NULL
    WHERE tenant_id = $1 AND id = $2 AND state = 'running' AND attempt = $3 AND lease_owner = $4
    RETURNING 1
), event AS (
    INSERT INTO outbox
        (tenant_id, id, name, version, aggregate_id, aggregate_version, traceparent, payload)
    SELECT $1, $7, 'answer.failed', 1, $2, 1, $8, $9::jsonb
    FROM done
)
SELECT EXISTS (SELECT FROM answers WHERE tenant_id = $1 AND state = 'queued') AS waiting FROM done
"""

RENEW: Final = """
UPDATE answers SET lease_until = clock_timestamp() + $2 * interval '1 second'
WHERE state = 'running' AND lease_owner = $1
RETURNING id
"""

RELEASE: Final = """
UPDATE answers SET state = 'queued', lease_owner = NULL, lease_until = NULL
WHERE state = 'running' AND lease_owner = $1
"""

# One of each tenant first, then the second of each: a crowd of one tenant's does not hold up the
# others. No tenant can have more than its share in flight, so more of it need not be looked at.
DUE: Final = """
SELECT tenant_id, id FROM (
    SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id ORDER BY id) AS turn
    FROM answers
    WHERE (state = 'queued' AND queued_at < clock_timestamp() - $1 * interval '1 second')
       OR (state = 'running' AND lease_until < clock_timestamp())
) due
WHERE turn <= $2 ORDER BY turn, id LIMIT $3
"""

LATEST: Final = """
SELECT a.*
FROM conversations c LEFT JOIN LATERAL (
    SELECT * FROM (
        SELECT id, task_id, conversation_id, message_id, answer_message_id, state, attempt, kind,
               error, error_code, queued_at, completed_at, prompt_tokens, completion_tokens,
               row_number() OVER (ORDER BY id DESC) AS rank
        FROM answers WHERE tenant_id = $1 AND conversation_id = $2
        ORDER BY id DESC LIMIT 20
    ) recent
    WHERE (rank = 1 OR state IN ('queued', 'running') OR id >= $4)
      AND NOT EXISTS (SELECT FROM messages m WHERE m.tenant_id = $1
                      AND m.id = recent.answer_message_id AND m.deleted_at IS NOT NULL)
) a ON true
WHERE c.tenant_id = $1 AND c.id = $2 AND c.deleted_at IS NULL
  AND ($3::uuid IS NULL OR c.entity_id = $3)
ORDER BY a.id
"""

STATUS: Final = """
SELECT id, task_id, conversation_id, message_id, answer_message_id, state, attempt, kind,
       error, error_code, queued_at, completed_at, prompt_tokens, completion_tokens
FROM answers WHERE tenant_id = $1 AND id = $2
"""

MESSAGE: Final = """
SELECT m.id, m.conversation_id, m.role, m.content, m.created_at, m.sources, m.metadata,
       m.model_used, m.processing_time, m.tokens_used,
       (SELECT json_agg(json_build_object(
            'source_number', c.source_number, 'document_id', c.document_id,
            'document_version', c.document_version, 'document_name', c.name,
            'passage_id', c.passage_id, 'page', c.page, 'char_start', c.char_start,
            'char_end', c.char_end, 'quote', c.quote, 'url', c.url, 'cited', true)
            ORDER BY c.position)
        FROM citations c WHERE c.tenant_id = $1 AND c.message_id = m.id) AS citations
FROM messages m WHERE m.tenant_id = $1 AND m.id = $2 AND m.deleted_at IS NULL
"""
