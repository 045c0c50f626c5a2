"""Alembic's entry point; the work is shared by all services."""

from libs.common.database.migrations import run_environment

run_environment()
