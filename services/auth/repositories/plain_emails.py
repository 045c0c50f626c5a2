"""Rows whose address still stands in plain: those of the version before, across tenants."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from libs.common.database import Database
from libs.common.telemetry.logging import get_logger
from services.auth.models.invitations import Invitation
from services.auth.models.users import User

log = get_logger(__name__)

TABLES: Final = (str(User.__tablename__), str(Invitation.__tablename__))
BATCH: Final = 200

_TENANTS = "SELECT tenant_id FROM tenants_with_plain_emails()"
_PAGE = """
SELECT id, email, email_index FROM {table}
WHERE tenant_id = $1 AND email IS NOT NULL AND id > $2 ORDER BY id LIMIT {limit}
"""
# Unless the version before has changed the address meanwhile, or somebody sealed it.
_SEAL = """
UPDATE {table} SET email_sealed = $4, email_index = $5,
    email = CASE WHEN $6 THEN NULL ELSE email END,
    email_key = CASE WHEN $6 THEN NULL ELSE email_key END
WHERE tenant_id = $1 AND id = $2 AND email = $3
"""


@dataclass(frozen=True, kw_only=True)
class PlainEmail:
    """A row's address in plain, and what it is found by so far."""

    row: UUID
    email: str
    index: bytes | None


class PlainEmails:
    """Finds them with the worker's role, and seals them as their tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants(self) -> list[UUID]:
        """Return the tenants that have any."""
        async with self._database.lean_cross_tenant() as connection:
            rows = await connection.fetch(_TENANTS)
        return [UUID(int=row["tenant_id"].int) for row in rows]

    async def page(self, tenant_id: UUID, table: str, *, after: UUID) -> list[PlainEmail]:
        """Return up to `BATCH` of a table, by id."""
        query = _PAGE.format(table=table, limit=BATCH)
        async with self._database.lean(tenant_id) as connection:
            rows = await connection.fetch(query, tenant_id, after)
        return [
            PlainEmail(row=UUID(int=row["id"].int), email=row["email"], index=row["email_index"])
            for row in rows
        ]

    async def seal(
        self, tenant_id: UUID, table: str, plain: PlainEmail, *, sealed: bytes, index: bytes,
        clear: bool,
    ) -> bool:  # fmt: skip
        """Store the sealed form, and clear the plain one; False when that could not be.

        Then the address has changed meanwhile, or a process of the version before, which lived
        beyond its time, gave it to somebody although it was taken: both keep what they have.
        """
        query = _SEAL.format(table=table)
        try:
            async with self._database.lean(tenant_id) as connection:
                status = await connection.execute(
                    query, tenant_id, plain.row, plain.email, sealed, index, clear
                )
        except asyncpg.UniqueViolationError:
            log.warning("email_not_sealed", table=table, row=str(plain.row), reason="taken")
            return False
        return status.endswith("1")
