"""The company's audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.security import Caller
from services.auth.models.audit_entries import AuditEntry
from services.auth.repositories.audit import AuditFilter
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class ListAuditEntries:
    """Return entries of the caller's company, newest first, and how many there are in all."""

    caller: Caller
    unit_of_work: OpenUnitOfWork

    async def __call__(
        self, wanted: AuditFilter, *, limit: int, offset: int
    ) -> tuple[Sequence[AuditEntry], int]:
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            return await uow.audit.newest(wanted, limit=limit, offset=offset)
