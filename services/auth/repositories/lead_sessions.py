"""Sessions of leads, the people who talk to an agent through a widget; lean, no rows are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from libs.common.database import Database

# A session is one lead's for good: an id that another's has gives nothing.
_KEEP: Final = """
INSERT INTO lead_sessions AS s (tenant_id, id, lead_id, created_at, expires_at)
SELECT $1, $2, $3, $4, $5
WHERE EXISTS (SELECT FROM tenants t
              WHERE t.tenant_id = $1 AND t.is_active AND t.deleted_at IS NULL)
ON CONFLICT (tenant_id, id) DO UPDATE SET expires_at = greatest(s.expires_at, excluded.expires_at)
    WHERE s.lead_id = excluded.lead_id AND s.ended_at IS NULL
RETURNING id
"""
_END: Final = """
UPDATE lead_sessions SET ended_at = $3
WHERE tenant_id = $1 AND lead_id = $2 AND ended_at IS NULL
RETURNING id
"""


class LeadSessions:
    """A tenant's sessions of leads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self, tenant_id: UUID, session_id: UUID, *, lead_id: UUID, now: datetime, until: datetime
    ) -> bool:
        """Begin a session, or prolong it; False when it is over, another's, or the tenant is."""
        async with self._database.lean(tenant_id) as connection:
            kept = await connection.fetchval(_KEEP, tenant_id, session_id, lead_id, now, until)
        return kept is not None

    async def end_all(self, tenant_id: UUID, lead_id: UUID, *, now: datetime) -> Sequence[UUID]:
        """End a lead's sessions; return those that were ended."""
        async with self._database.lean(tenant_id) as connection:
            rows = await connection.fetch(_END, tenant_id, lead_id, now)
        return [UUID(int=row["id"].int) for row in rows]
