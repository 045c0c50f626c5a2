"""Every event of the platform, declared once, a module for each topic.

Importing the package knows them all; `docs/events.md` is generated from it.
"""

from libs.common.events.catalogue import (
    agents,
    analytics,
    audit,
    auth,
    conversations,
    documents,
)

__all__ = ["agents", "analytics", "audit", "auth", "conversations", "documents"]
