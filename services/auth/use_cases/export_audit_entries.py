"""The company's audit trail as a whole, to be taken away."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk
from services.auth.domain.clock import Clock, utc_now
from services.auth.models.audit_entries import AuditEntry
from services.auth.repositories.audit import AuditFilter
from services.auth.repositories.unit_of_work import OpenUnitOfWork

PAGE: Final = 500


@dataclass(frozen=True, kw_only=True)
class ExportAuditEntries:
    """Return the entries that fit, oldest first, a page at a time; the export is recorded first.

    No connection is held between two pages. What is added meanwhile is left out.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self, wanted: AuditFilter, *, address: str | None
    ) -> AsyncIterator[Sequence[AuditEntry]]:
        now = self.clock()
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            last = await uow.audit.append(
                AuditRecord(
                    event=AuditEvent.AUDIT_EXPORTED,
                    description="The audit trail was exported.",
                    risk=Risk.HIGH,
                    actor_id=self.caller.user_id,
                    actor_role=self.caller.role,
                    entity_type="audit_log",
                    address=address,
                    details={"filter": wanted.described()},
                ),
                now=now,
            )
        return self._pages(wanted, before=last)

    async def _pages(
        self, wanted: AuditFilter, *, before: int
    ) -> AsyncIterator[Sequence[AuditEntry]]:
        after = 0
        while True:
            async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
                page = await uow.audit.following(wanted, after=after, before=before, limit=PAGE)
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].sequence
