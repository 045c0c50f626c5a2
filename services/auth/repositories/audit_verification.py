"""All tenants' audit trails, read from the first entry to the last and recomputed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import select

from libs.common.database import PLATFORM_TENANT, Database
from services.auth.domain.audit import GENESIS, chain_hash
from services.auth.models.audit_entries import AuditEntry, AuditHead

PAGE: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a trail's verification.

    Attributes:
        bad_entry: The first entry that does not follow from the one before it, or is missing.
    """

    tenant_id: UUID
    entries: int
    bad_entry: int | None = None


class AuditVerification:
    """Verifies trails, a page at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def verify(self, tenant_id: UUID) -> Verdict:
        """Recompute one tenant's chain, and hold its end against the head."""
        expected, previous = 1, GENESIS
        async for entry in self._entries(tenant_id):
            if (
                entry.sequence != expected
                or entry.previous_hash != previous
                or entry.hash != chain_hash(previous, entry.content())
            ):
                bad = min(entry.sequence, expected)
                return Verdict(tenant_id=tenant_id, entries=expected - 1, bad_entry=bad)
            expected, previous = expected + 1, entry.hash
        head = await self._head(tenant_id)
        if head is None and expected > 1:
            # Without its head nobody knows where the trail ended.
            return Verdict(tenant_id=tenant_id, entries=expected - 1, bad_entry=expected)
        if head is not None and head != (expected - 1, previous):
            # Entries were cut off at the end, or the head was turned back.
            bad = min(head[0], expected - 1) + 1
            return Verdict(tenant_id=tenant_id, entries=expected - 1, bad_entry=bad)
        return Verdict(tenant_id=tenant_id, entries=expected - 1)

    async def tenants(self) -> list[UUID]:
        """Return all tenants that have a trail, the platform's first."""
        async with self._database.lean_cross_tenant() as connection:
            rows = await connection.fetch("SELECT tenant_id FROM audit_trails()")
        found = {UUID(int=row["tenant_id"].int) for row in rows}
        return sorted(found, key=lambda tenant_id: (tenant_id != PLATFORM_TENANT, tenant_id))

    async def _entries(self, tenant_id: UUID) -> AsyncIterator[AuditEntry]:
        after = 0
        while True:
            query = (
                select(AuditEntry)
                .where(AuditEntry.tenant_id == tenant_id, AuditEntry.sequence > after)
                .order_by(AuditEntry.sequence)
                .limit(PAGE)
            )
            async with self._database.session(tenant_id) as session:
                entries = (await session.scalars(query)).all()
            for entry in entries:
                yield entry
            if len(entries) < PAGE:
                return
            after = entries[-1].sequence

    async def _head(self, tenant_id: UUID) -> tuple[int, bytes] | None:
        async with self._database.session(tenant_id) as session:
            head = await session.get(AuditHead, tenant_id)
        return None if head is None else (head.sequence, head.hash)
