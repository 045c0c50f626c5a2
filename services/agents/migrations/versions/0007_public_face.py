"""What strangers see of an agent, with its opening message and the questions it suggests."""

from libs.common.database.migrations import define_lookup

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Define the look-up; processes of the release before go on with `public_agent`."""
    define_lookup(
        "public_agent_face",
        "p_agent_id uuid",
        returns="""TABLE (tenant_id uuid, id uuid, name text, description text, avatar_url text,
                          opening_message text, suggested_questions jsonb)""",
        body="""
            SELECT tenant_id, id, name, description, avatar_url, behaviour->>'opening_message',
                   coalesce(behaviour->'suggested_questions', '[]')
            FROM agents a WHERE id = p_agent_id AND status = 'active' AND deleted_at IS NULL
              AND NOT EXISTS (SELECT FROM closed_tenants c WHERE c.tenant_id = a.tenant_id)
        """,
    )
