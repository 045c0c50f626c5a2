"""Alembic's way in; the work is the same for every service."""

from libs.common.database.migrations import run_environment

run_environment()
