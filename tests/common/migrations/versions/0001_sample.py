"""The tables that every service has, and a function that works in one round trip.

Revision ID: 0001
"""

from libs.common.database.migrations import create_common_tables, define_tenant_function

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the common tables and the function."""
    create_common_tables("sample")
    define_tenant_function(
        "add_turns",
        "p_owner uuid, p_count integer, p_pause double precision",
        returns="bigint",
        body="""
        PERFORM pg_sleep(p_pause);
        INSERT INTO job_turns (tenant_id, weight) SELECT p_owner, 1
        FROM generate_series(1, p_count);
        RETURN (SELECT count(*) FROM job_turns);
        """,
    )
