"""What happened lately in all companies."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.auth.models.audit_entries import AuditEntry
from services.auth.repositories.activity import Activity
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ListActivity:
    """Return one page of all companies' audit entries, newest first, each read as its company."""

    unit_of_work: OpenUnitOfWork
    activity: Activity

    async def __call__(
        self, types: Sequence[str], *, page: int, per_page: int
    ) -> tuple[Sequence[AuditEntry], int]:
        """Pages count from 1; how many there are is said up to a bound."""
        places, total = await self.activity.page(types, page=page, per_page=per_page)
        by_tenant: defaultdict[UUID, list[int]] = defaultdict(list)
        for tenant_id, sequence in places:
            by_tenant[tenant_id].append(sequence)
        found: dict[tuple[UUID, int], AuditEntry] = {}
        for tenant_id, sequences in by_tenant.items():
            async with self.unit_of_work(tenant_id, read_only=True) as uow:
                for entry in await uow.audit.at(sequences):
                    found[tenant_id, entry.sequence] = entry
        return [found[place] for place in places if place in found], total
