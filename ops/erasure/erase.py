"""Erasing one tenant, step by step; whoever is stopped starts again and ends the same.

The order matters. The record comes first, so that a restore knows. Then nobody is let in any more,
and what was under way gets a moment to end. Tenant keys go before anything else, and everything is
counted again at the end: a worker that was in the middle of something may have written once more.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol
from uuid import UUID

from libs.common.database import PLATFORM_TENANT, Database
from ops.erasure.caches import Caches
from ops.erasure.ledger import Counts, Ledger, Record, Run
from ops.erasure.objects import Objects
from ops.erasure.rows import Rows
from ops.errors import OpsError
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.repositories.audit import AuditTrail

# Sessions and keys are believed so long at most after they ended, and requests end meanwhile.
SETTLE_SECONDS: Final = 10.0
# Between two looks for what was written meanwhile.
PAUSE_SECONDS: Final = 2.0
ROUNDS: Final = 5

Told = Callable[[str, int, int], None]
"""Hears of progress: place, how many are done, and of how many."""


class Vectors(Protocol):
    """A vector store outside the database."""

    async def count_tenant(self, tenant_id: UUID) -> int: ...
    async def erase_tenant(self, tenant_id: UUID) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """Erases tenants.

    Attributes:
        trail: Auth's database, whose platform trail says who erased whom.
        vectors: None where they are in the database.
        settle_seconds: How long what was under way may take to end.
        vacuum: Whether to give back the room of the deleted rows.
    """

    rows: Rows
    objects: Objects
    caches: Caches
    vectors: Vectors | None
    ledger: Ledger
    trail: Database
    settle_seconds: float = SETTLE_SECONDS
    vacuum: bool = True

    async def __call__(
        self, tenant_id: UUID, *, by: str, reason: str, sure: bool, told: Told
    ) -> Record:
        """Erase a tenant, or go on with it.

        Args:
            by: Who does it, for the receipt.
            reason: Why, for the receipt.
            sure: Also one that is not due, which nobody began to erase.

        Raises:
            OpsError: There is no such tenant, it is not due, or something is out of reach.
        """
        record = await self.ledger.read(tenant_id) or Record(tenant_id=tenant_id)
        found = await self.found(tenant_id)
        if record.finished and not found:
            return record
        if not record.runs:
            await self._check(tenant_id, found, sure=sure)
        if not record.runs or record.finished:
            run = Run(begun_at=_now(), by=by, reason=reason, found=found)
            record = replace(record, runs=[*record.runs, run])
            await self.ledger.write(record)
            await self._note(record, AuditEvent.ERASURE_BEGUN, "A company is being erased.")
        await self._empty(tenant_id, told)
        done = replace(record.runs[-1], finished_at=_now())
        record = replace(record, runs=[*record.runs[:-1], done])
        # The trail first: it has to know of every receipt there is.
        await self._note(record, AuditEvent.TENANT_ERASED, "A company was erased.")
        await self.ledger.write(record)
        return record

    async def found(self, tenant_id: UUID) -> Counts:
        """Return what there is of a tenant, by place; empty when nothing is."""
        counts = await self.rows.count(tenant_id)
        counts["objects"] = await self.objects.count(tenant_id)
        counts["redis"] = await self.caches.count(tenant_id)
        if self.vectors is not None:
            counts["qdrant"] = await self.vectors.count_tenant(tenant_id)
        return {place: count for place, count in counts.items() if count}

    async def _check(self, tenant_id: UUID, found: Counts, *, sure: bool) -> None:
        if tenant_id == PLATFORM_TENANT:
            raise OpsError("That is the platform itself: `ops reset` forgets everything.")
        if not found:
            raise OpsError(f"There is nothing of a tenant {tenant_id}.")
        if await self.rows.stands(tenant_id) and not sure:
            raise OpsError(
                f"The company {tenant_id} is active, or can be restored yet: say --yes to erase it "
                "for good all the same."
            )

    async def _empty(self, tenant_id: UUID, told: Told) -> None:
        cached = await self.rows.close(tenant_id)
        await self.caches.forget(cached)
        await self._settle(told)
        for _ in range(ROUNDS):
            async for place, done, total in self._round(tenant_id):
                told(place, done, total)
            await self.caches.forget(cached)
            if not await self.found(tenant_id):
                # Once more, after a moment: what is written late is written soon.
                await asyncio.sleep(min(PAUSE_SECONDS, self.settle_seconds))
                if not (left := await self.found(tenant_id)):
                    break
        else:
            left = await self.found(tenant_id)
        if left:
            raise OpsError(
                f"Something writes for {tenant_id} still: {_described(left)}. Stop it, then start "
                "again."
            )
        if self.vacuum:
            names = await self.rows.tables()
            for number, name in enumerate(names):
                await self.rows.vacuum([name])
                told("vacuum", number + 1, len(names))

    async def _round(self, tenant_id: UUID) -> AsyncIterator[tuple[str, int, int]]:
        """Delete all there is; yield how far each place is."""
        counts = await self.rows.count(tenant_id)
        for group in await self.rows.groups():
            gone = dict.fromkeys(group, 0)
            if counts.keys().isdisjoint(group):
                continue
            async for place, deleted in self.rows.delete(tenant_id, group):
                gone[place] += deleted
                yield place, gone[place], max(counts.get(place, 0), gone[place])
        total, done = await self.objects.count(tenant_id), 0
        async for deleted in self.objects.delete(tenant_id):
            done += deleted
            yield "objects", done, max(total, done)
        if self.vectors is not None and (points := await self.vectors.count_tenant(tenant_id)):
            await self.vectors.erase_tenant(tenant_id)
            yield "qdrant", points, points
        # Last: until the rows are gone, the relay goes on publishing what they tell.
        if forgotten := await self.caches.delete(tenant_id):
            yield "redis", forgotten, forgotten

    async def _settle(self, told: Told) -> None:
        step = min(1.0, self.settle_seconds) or 1.0
        steps = round(self.settle_seconds / step)
        for number in range(steps):
            await asyncio.sleep(step)
            told("until nobody is let in any more", number + 1, steps)

    async def _note(self, record: Record, event: AuditEvent, description: str) -> None:
        """Tell the platform's trail, since the tenant's own goes with it."""
        run = record.runs[-1]
        async with self.trail.session(PLATFORM_TENANT) as session:
            await AuditTrail(session, PLATFORM_TENANT).append(
                AuditRecord(
                    event=event,
                    description=description,
                    risk=Risk.CRITICAL,
                    entity_type="company",
                    entity_id=record.tenant_id,
                    details={"by": run.by, "reason": run.reason, "found": run.found},
                ),
                now=_now(),
            )


def _described(counts: Counts) -> str:
    return ", ".join(f"{count} in {place}" for place, count in sorted(counts.items()))


def _now() -> datetime:
    return datetime.now(UTC)
