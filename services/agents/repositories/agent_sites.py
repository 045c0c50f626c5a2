"""On which sites a tenant's agents may be used; no row means on all."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from libs.common.database import Database

_READ: Final = """
SELECT coalesce(s.sites, '{}') AS sites FROM agents a
LEFT JOIN agent_sites s ON s.tenant_id = a.tenant_id AND s.agent_id = a.id
WHERE a.tenant_id = $1 AND a.id = $2 AND a.deleted_at IS NULL
"""
_WRITE: Final = """
INSERT INTO agent_sites (tenant_id, agent_id, sites)
SELECT a.tenant_id, a.id, $3::text[] FROM agents a
WHERE a.tenant_id = $1 AND a.id = $2 AND a.deleted_at IS NULL
ON CONFLICT (tenant_id, agent_id) DO UPDATE SET sites = excluded.sites, updated_at = now()
RETURNING agent_id
"""


class AgentSites:
    """A tenant's agents' sites."""

    def __init__(self, database: Database, tenant_id: UUID) -> None:
        self._database = database
        self._tenant_id = tenant_id

    async def of(self, agent_id: UUID) -> list[str] | None:
        """Return an agent's sites, none for all; None when there is no such agent."""
        async with self._database.lean(self._tenant_id) as connection:
            row = await connection.fetchrow(_READ, self._tenant_id, agent_id)
        return None if row is None else list(row["sites"])

    async def set(self, agent_id: UUID, sites: Sequence[str]) -> bool:
        """Put these in the place of those before; False when there is no such agent."""
        async with self._database.lean(self._tenant_id) as connection:
            done = await connection.fetchval(_WRITE, self._tenant_id, agent_id, list(sites))
        return done is not None
