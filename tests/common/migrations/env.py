"""Run by Alembic; how is the same for all services."""

from libs.common.database.migrations import run_environment

run_environment()
