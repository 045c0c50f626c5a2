"""Statements of `AnswerStore` beside the functions that each question calls.

All but the last sweep over all tenants, with the worker's role.
"""

from typing import Final

RENEW: Final = """
UPDATE answers SET lease_until = clock_timestamp() + $2 * interval '1 second'
WHERE completed_at IS NULL AND state = 'running' AND lease_owner = $1 AND id = ANY($3)
RETURNING id, cancel_requested_at IS NOT NULL AS cancelled
"""

CANCELLED_OF: Final = """
SELECT id FROM answers
WHERE completed_at IS NULL AND cancel_requested_at IS NOT NULL AND id = ANY($1)
"""

CANCEL_REQUESTED: Final = """
SELECT cancel_requested_at IS NOT NULL FROM answers WHERE tenant_id = $1 AND id = $2
"""

RELEASE: Final = """
UPDATE answers SET state = 'queued', lease_owner = NULL, lease_until = NULL
WHERE completed_at IS NULL AND state = 'running' AND lease_owner = $1
"""

# One of each tenant first, then the second of each: a crowd of one tenant's does not hold up the
# others. No tenant can have more than its share in flight, so more of it need not be looked at.
DUE: Final = """
SELECT tenant_id, id FROM (
    SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id ORDER BY id) AS turn
    FROM answers
    WHERE completed_at IS NULL
      AND ((state = 'queued' AND queued_at < clock_timestamp() - $1 * interval '1 second')
           OR (state = 'running' AND lease_until < clock_timestamp()))
) due
WHERE turn <= $2 ORDER BY turn, id LIMIT $3
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
FROM messages m WHERE m.tenant_id = $1 AND m.id = $2
                  AND (m.deleted_at IS NULL OR m.branch_id IS NOT NULL)
"""
