"""Deleted companies come back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.company_errors import CompanyNotDeleted, RetentionOver
from services.auth.domain.errors import CompanyNotFound
from services.auth.models.tenants import Tenant
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.reach_company import note, note_in_own_trail, prove, reach, tell_state


@dataclass(frozen=True, kw_only=True)
class RestoreCompanies:
    """Undo deletions within the retention time.

    What opened a deleted company (sessions, keys) opens it again, unless it has run out. Nobody
    of a deleted company can call us, so in effect it is the platform's people who do this.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(self, company_ids: Sequence[UUID], *, address: str | None) -> list[Tenant]:
        """Restore all of them, or none.

        Raises:
            CompanyNotFound: There is none of these ids, or it is another's.
            CompanyNotDeleted: There is nothing to undo.
            RetentionOver: It is too late.
            StepUpRequired: The caller must prove who they are.
        """
        for company_id in company_ids:
            reach(self.caller, company_id)
        now = self.clock()
        await prove(self.unit_of_work, self.caller, now=now)
        for company_id in company_ids:
            async with self.unit_of_work(company_id) as uow:
                _restorable(await uow.tenant.get_in_any_state(), now=now)
        return [
            await self._restore(company_id, address=address, now=now) for company_id in company_ids
        ]

    async def _restore(self, company_id: UUID, *, address: str | None, now: datetime) -> Tenant:
        record = by(
            self.caller,
            AuditEvent.COMPANY_RESTORED,
            "Company restored.",
            entity=("company", company_id),
            risk=Risk.HIGH,
            address=address,
        )
        await note_in_own_trail(self.unit_of_work, self.caller, company_id, record, now=now)
        async with self.unit_of_work(company_id) as uow:
            tenant = _restorable(await uow.tenant.get_in_any_state(locked=True), now=now)
            was_open = tenant.is_open
            tenant.deleted_at = tenant.erase_after = None
            tenant.updated_at = now
            tell_state(uow, tenant, was_open=was_open)
            await note(uow, self.caller, record, now=now)
        return tenant


def _restorable(tenant: Tenant | None, *, now: datetime) -> Tenant:
    if tenant is None:
        raise CompanyNotFound
    if tenant.deleted_at is None:
        raise CompanyNotDeleted
    if tenant.erase_after is not None and tenant.erase_after <= now:
        raise RetentionOver
    return tenant
