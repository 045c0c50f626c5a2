"""Where all trails end, and what an entry's hash is: for signing them."""

from uuid import UUID

from libs.common.database import Database
from services.auth.domain.audit_heads import AuditHead

_ENDS = "SELECT tenant_id, last_entry, last_hash FROM ends_of_audit_trails()"
_HASH = "SELECT hash FROM audit_entries WHERE tenant_id = $1 AND sequence = $2"


class AuditEnds:
    """Reads the ends of all tenants' trails, with the worker's role."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[AuditHead]:
        """Return the ends as the database tells them."""
        async with self._database.lean_cross_tenant() as connection:
            rows = await connection.fetch(_ENDS)
        return [
            AuditHead(
                tenant_id=UUID(int=row["tenant_id"].int),
                sequence=row["last_entry"],
                hash=bytes(row["last_hash"]),
            )
            for row in rows
        ]

    async def hash_of(self, tenant_id: UUID, sequence: int) -> bytes | None:
        """Return an entry's hash; None when there is no such entry."""
        async with self._database.lean(tenant_id) as connection:
            found = await connection.fetchval(_HASH, tenant_id, sequence)
        return None if found is None else bytes(found)
