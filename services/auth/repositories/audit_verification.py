"""All tenants' audit trails, read from the first entry to the last and recomputed."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlalchemy import select

from libs.common.database import PLATFORM_TENANT, Database
from services.auth.domain.audit import GENESIS, chain_hash
from services.auth.domain.audit_heads import HeadStore
from services.auth.models.audit_entries import AuditEntry, AuditHead
from services.auth.repositories.audit_ends import AuditEnds

PAGE: Final = 1000


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a trail's verification.

    Attributes:
        bad_entry: The first entry that does not follow from the one before it, or is missing.
            Where a whole chain was written anew, the first that no head from before vouches for.
        signed_entries: How many of them a signed head vouches for; None where nobody looked.
    """

    tenant_id: UUID
    entries: int
    bad_entry: int | None = None
    signed_entries: int | None = None


class AuditVerification:
    """Verifies trails, a page at a time.

    Args:
        database: Auth's, with the worker's role.
        heads: What was signed of them; without it whole chains are believed.
    """

    def __init__(self, database: Database, heads: HeadStore | None = None) -> None:
        self._database = database
        self._heads = heads
        self._ends = AuditEnds(database)

    async def verify(self, tenant_id: UUID) -> Verdict:
        """Recompute one tenant's chain, and hold it against its head and the signed ones.

        Raises:
            HeadStoreUnavailable: A signed head cannot be read, or is not believed.
        """
        verdict = await self._recomputed(tenant_id)
        if self._heads is None:
            return verdict
        return await self._against_heads(verdict, self._heads)

    async def _against_heads(self, verdict: Verdict, heads: HeadStore) -> Verdict:
        signed = await heads.sequences(verdict.tenant_id)
        latest = await heads.latest(verdict.tenant_id)
        if latest is not None and latest.sequence not in signed:
            signed = sorted([*signed, latest.sequence])
        # What was written anew from some entry on differs in all later heads: the first that does
        # is found in few steps, however many there are.
        good, bad = 0, len(signed)
        while good < bad:
            middle = (good + bad) // 2
            if latest is not None and latest.sequence == signed[middle]:
                head = latest
            else:
                head = await heads.at(verdict.tenant_id, signed[middle])
            if await self._ends.hash_of(head.tenant_id, head.sequence) == head.hash:
                good = middle + 1
            else:
                bad = middle
        vouched = signed[good - 1] if good else 0
        found = verdict.bad_entry
        if good < len(signed):
            # Cut off: the first that is missing; written anew: the first that nothing vouches for.
            cut = verdict.entries + 1 if verdict.entries < signed[good] else vouched + 1
            found = min(max(cut, vouched + 1), found or cut)
        return replace(verdict, bad_entry=found, signed_entries=vouched)

    async def _recomputed(self, tenant_id: UUID) -> Verdict:
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
        """Return all tenants that have a trail, or had one when it was signed; platform first."""
        async with self._database.lean_cross_tenant() as connection:
            rows = await connection.fetch("SELECT tenant_id FROM audit_trails()")
        found = {UUID(int=row["tenant_id"].int) for row in rows}
        if self._heads is not None:
            found |= set(await self._heads.tenants())
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
