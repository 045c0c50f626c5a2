"""Documents for some groups only, and tags to search by.

The index keeps the groups of each passage, so that a search never ranks what its caller may not
read; the row of the document has the last word.
"""

from alembic import op

from libs.common.database.migrations import define_tenant_function

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and the function of 0003 with a reader.

    A version before this one calls the old function, which stays until it is gone.
    """
    op.execute(
        "ALTER TABLE documents ADD groups uuid[] NOT NULL DEFAULT '{}',"
        " ADD tags text[] NOT NULL DEFAULT '{}'"
    )
    # Sixteen bytes a group, one after the other; none for most passages.
    op.execute("ALTER TABLE passage_digests ADD reader_ids bytea NOT NULL DEFAULT ''")
    define_tenant_function(
        "confirm_readable_passages",
        "p_passages uuid[], p_agent uuid, p_limit integer, p_space text, p_groups uuid[]",
        returns="""TABLE (
            generation bigint, removals bigint, ord bigint, id uuid, document_id uuid,
            document_version integer, filename text, source_url text, "position" integer,
            page integer, heading_path text[], char_start integer, char_end integer, body text)""",
        body="""
        RETURN QUERY
        SELECT known.generation, known.removals, found.*
        FROM knowledge_generations known LEFT JOIN LATERAL (
            SELECT h.ord, p.id, p.document_id, p.document_version, d.filename::text,
                   d.source_url::text, p.position, p.page, p.heading_path::text[], p.char_start,
                   p.char_end, p.text
            FROM unnest(p_passages) WITH ORDINALITY AS h (id, ord)
            CROSS JOIN LATERAL (
                SELECT * FROM passages s
                WHERE s.tenant_id = p_tenant AND s.id = h.id AND s.deleted_at IS NULL LIMIT 1
            ) p
            CROSS JOIN LATERAL (
                SELECT f.filename, f.source_url, f.live_version, f.agent_id, f.deleted_at, f.groups
                FROM documents f
                WHERE f.tenant_id = p_tenant AND f.id = p.document_id
                LIMIT 1
            ) d
            WHERE d.live_version = p.document_version AND d.deleted_at IS NULL
              AND d.agent_id = p_agent
              AND (d.groups = '{}' OR p_groups IS NULL OR d.groups && p_groups)
            ORDER BY h.ord
            LIMIT p_limit
        ) AS found ON true
        WHERE known.tenant_id = p_tenant AND known.agent_id = p_agent AND known.space = p_space
        ORDER BY found.ord;
        """,
    )
