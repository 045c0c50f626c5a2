"""The processes of the platform, by name."""

from typing import Final

# `libs.common.contract` has them too; the launcher does without its imports.
SERVICES: Final = ("auth", "agents", "conversations", "documents", "analytics")


def module_of(process: str) -> str:
    """Return the module that a process runs: `documents-worker` is `services.documents.worker`."""
    service, _, kind = process.partition("-")
    return f"services.{service}.{kind or 'main'}"
