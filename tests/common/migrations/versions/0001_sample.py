"""The tables that every service has, and no others.

Revision ID: 0001
"""

from libs.common.database.migrations import create_common_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the common tables."""
    create_common_tables("sample")
