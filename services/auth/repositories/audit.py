"""The audit trail: adding to its chain, and reading it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.domain.audit import GENESIS, AuditRecord, chain_hash
from services.auth.models.audit_entries import AuditEntry, AuditHead


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries."""

    entity_type: str | None = None
    event_type: str | None = None
    risk_level: str | None = None
    actor_id: UUID | None = None
    entity_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None

    def described(self) -> dict[str, str]:
        """Return what narrows, as text."""
        return {name: str(value) for name, value in vars(self).items() if value is not None}


class AuditTrail:
    """One tenant's trail. Entries are added and read, never changed."""

    def __init__(
        self, session: AsyncSession, tenant_id: UUID, *, impersonator_id: UUID | None = None
    ) -> None:
        self.session = session
        self.tenant_id = tenant_id
        self._marks = {} if impersonator_id is None else {"impersonator_id": str(impersonator_id)}

    async def append(self, record: AuditRecord, *, now: datetime) -> int:
        """Add an entry in the transaction of what it tells about; return its place.

        Call it last: the head of the tenant's chain is locked until the transaction ends.
        """
        head = await self._locked_head()
        entry = AuditEntry(
            tenant_id=self.tenant_id,
            sequence=head.sequence + 1,
            occurred_at=now,
            event_type=record.event,
            description=record.description,
            risk_level=record.risk,
            actor_id=record.actor_id,
            actor_role=record.actor_role,
            entity_type=record.entity_type,
            entity_id=record.entity_id,
            address=record.address,
            details=dict(record.details or {}) | self._marks,
            previous_hash=head.hash,
        )
        entry.hash = chain_hash(head.hash, entry.content())
        self.session.add(entry)
        head.sequence, head.hash = entry.sequence, entry.hash
        await self.session.flush()
        return entry.sequence

    async def newest(
        self, wanted: AuditFilter, *, limit: int, offset: int
    ) -> tuple[Sequence[AuditEntry], int]:
        """Return entries, newest first, and how many there are in all."""
        query = self._narrowed(wanted)
        total = await self.session.scalar(select(func.count()).select_from(query.subquery()))
        query = query.order_by(AuditEntry.sequence.desc()).limit(limit).offset(offset)
        return (await self.session.scalars(query)).all(), total or 0

    async def at(self, sequences: Sequence[int]) -> Sequence[AuditEntry]:
        """Return the entries at some places of the trail."""
        query = select(AuditEntry).where(
            AuditEntry.tenant_id == self.tenant_id, AuditEntry.sequence.in_(sequences)
        )
        return (await self.session.scalars(query)).all()

    async def whole(self) -> Sequence[AuditEntry]:
        """Return the trail from its first entry, to be verified."""
        query = (
            select(AuditEntry)
            .where(AuditEntry.tenant_id == self.tenant_id)
            .order_by(AuditEntry.sequence)
        )
        return (await self.session.scalars(query)).all()

    async def following(
        self, wanted: AuditFilter, *, after: int, before: int, limit: int
    ) -> Sequence[AuditEntry]:
        """Return entries between two places in the trail, oldest first."""
        query = (
            self._narrowed(wanted)
            .where(AuditEntry.sequence > after, AuditEntry.sequence < before)
            .order_by(AuditEntry.sequence)
            .limit(limit)
        )
        return (await self.session.scalars(query)).all()

    def _narrowed(self, wanted: AuditFilter) -> Select[AuditEntry]:
        query = select(AuditEntry).where(AuditEntry.tenant_id == self.tenant_id)
        equal = {
            AuditEntry.entity_type: wanted.entity_type,
            AuditEntry.event_type: wanted.event_type,
            AuditEntry.risk_level: wanted.risk_level,
            AuditEntry.actor_id: wanted.actor_id,
            AuditEntry.entity_id: wanted.entity_id,
        }
        query = query.where(
            *(column == value for column, value in equal.items() if value is not None)
        )
        if wanted.since is not None:
            query = query.where(AuditEntry.occurred_at >= wanted.since)
        if wanted.until is not None:
            query = query.where(AuditEntry.occurred_at <= wanted.until)
        return query

    async def _locked_head(self) -> AuditHead:
        query = select(AuditHead).where(AuditHead.tenant_id == self.tenant_id).with_for_update()
        head = await self.session.scalar(query)
        if head is None:
            # Two first entries at once: the second waits here for the first.
            await self.session.execute(
                insert(AuditHead)
                .values(tenant_id=self.tenant_id, sequence=0, hash=GENESIS)
                .on_conflict_do_nothing()
            )
            head = (await self.session.scalars(query)).one()
        return head
