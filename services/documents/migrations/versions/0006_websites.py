"""Websites: what is crawled, the pages found there, and the tasks about it.

Revision ID: 0006
"""

from alembic import op

from libs.common.database.migrations import define_lookup, protect

revision = "0006"
down_revision = "0005"

_TABLES = (
    """
    CREATE TABLE website_sources (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        agent_id uuid NOT NULL,
        base_url text NOT NULL,
        base_key text NOT NULL,
        site text NOT NULL,
        seed_urls text[] NOT NULL DEFAULT '{}',
        allowed_paths text[] NOT NULL DEFAULT '{}',
        disallowed_paths text[] NOT NULL DEFAULT '{}',
        crawl_frequency_minutes integer,
        max_pages integer NOT NULL,
        max_depth integer NOT NULL,
        notes text,
        status text NOT NULL,
        error text,
        added_by uuid,
        last_crawled_at timestamptz,
        next_crawl_at timestamptz,
        deleted_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_website_sources PRIMARY KEY (tenant_id, id),
        CONSTRAINT ck_website_sources_status
            CHECK (status IN ('active', 'inactive', 'crawling', 'failed'))
    )
    """,
    # An agent has a website once; two people who add it at the same time get one.
    """
    CREATE UNIQUE INDEX ux_website_sources_base_key
        ON website_sources (tenant_id, agent_id, base_key) WHERE deleted_at IS NULL
    """,
    """
    CREATE INDEX ix_website_sources_next_crawl_at ON website_sources (next_crawl_at)
        WHERE next_crawl_at IS NOT NULL
    """,
    "CREATE INDEX ix_website_sources_agent_id ON website_sources (agent_id)",
    """
    CREATE TABLE website_pages (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        source_id uuid NOT NULL,
        url text NOT NULL,
        key text NOT NULL,
        depth integer NOT NULL,
        found_by text NOT NULL,
        status text NOT NULL,
        reason text,
        title text,
        http_status integer,
        etag text,
        last_modified text,
        content_hash bytea,
        document_id uuid,
        missed integer NOT NULL DEFAULT 0,
        attempts integer NOT NULL DEFAULT 0,
        visited_in uuid,
        visited_at timestamptz,
        changed_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_website_pages PRIMARY KEY (tenant_id, id),
        CONSTRAINT uq_website_pages_key UNIQUE (tenant_id, source_id, key),
        CONSTRAINT fk_website_pages_source_id_website_sources
            FOREIGN KEY (tenant_id, source_id) REFERENCES website_sources (tenant_id, id)
            ON DELETE CASCADE,
        CONSTRAINT fk_website_pages_document_id_documents
            FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id)
            ON DELETE SET NULL (document_id),
        CONSTRAINT ck_website_pages_status
            CHECK (status IN ('pending', 'crawled', 'failed', 'excluded'))
    )
    """,
    # For the foreign key, when documents are erased.
    """
    CREATE INDEX ix_website_pages_document_id ON website_pages (tenant_id, document_id)
        WHERE document_id IS NOT NULL
    """,
    """
    CREATE TABLE website_crawls (
        tenant_id uuid NOT NULL,
        id uuid NOT NULL,
        source_id uuid NOT NULL,
        kind text NOT NULL,
        state text NOT NULL,
        turn integer NOT NULL DEFAULT 0,
        holder uuid,
        prepared boolean NOT NULL DEFAULT false,
        max_pages integer NOT NULL,
        processed integer NOT NULL DEFAULT 0,
        added integer NOT NULL DEFAULT 0,
        changed integer NOT NULL DEFAULT 0,
        unchanged integer NOT NULL DEFAULT 0,
        removed integer NOT NULL DEFAULT 0,
        failed integer NOT NULL DEFAULT 0,
        error text,
        error_code text,
        started_at timestamptz,
        finished_at timestamptz,
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT pk_website_crawls PRIMARY KEY (tenant_id, id),
        CONSTRAINT fk_website_crawls_source_id_website_sources
            FOREIGN KEY (tenant_id, source_id) REFERENCES website_sources (tenant_id, id)
            ON DELETE CASCADE,
        CONSTRAINT ck_website_crawls_state
            CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled'))
    )
    """,
    # One task about a website at a time, whoever asks for it.
    """
    CREATE UNIQUE INDEX ux_website_crawls_under_way ON website_crawls (tenant_id, source_id)
        WHERE state IN ('queued', 'running')
    """,
    "CREATE INDEX ix_website_crawls_id ON website_crawls (id)",
    """
    CREATE INDEX ix_website_crawls_finished_at ON website_crawls (finished_at)
        WHERE finished_at IS NOT NULL
    """,
    # An agent's pages that were sent in by their addresses are found by these.
    """
    CREATE INDEX ix_documents_source_url ON documents (tenant_id, agent_id, md5(source_url))
        WHERE source_url IS NOT NULL AND deleted_at IS NULL
    """,
)


def upgrade() -> None:
    for statement in _TABLES:
        op.execute(statement)
    protect("website_sources", cross_tenant=True)
    protect("website_pages", cross_tenant=True)
    protect("website_crawls", cross_tenant=True)
    # As for documents: whoever holds a task's id may poll it for a day after its end.
    define_lookup(
        "find_website_task",
        "wanted uuid",
        returns="TABLE (tenant_id uuid, crawl_id uuid)",
        body="""
            SELECT tenant_id, id FROM website_crawls
            WHERE id = wanted
              AND (finished_at IS NULL OR finished_at > now() - interval '1 day')
        """,
    )
    # A page with the widget greets an agent, whose tenant is not known before.
    define_lookup(
        "find_website_of_agent",
        "p_agent uuid, p_site text",
        returns="TABLE (tenant_id uuid, source_id uuid)",
        body="""
            SELECT tenant_id, id FROM website_sources
            WHERE agent_id = p_agent AND site = p_site AND deleted_at IS NULL
              AND status <> 'inactive'
            ORDER BY id
        """,
    )
