"""Companies are deleted: nobody gets in any more, and for a while they can be restored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound
from services.auth.models.tenants import Tenant
from services.auth.repositories.unit_of_work import OpenUnitOfWork
from services.auth.use_cases.reach_company import (
    note,
    note_in_own_trail,
    prove,
    reach,
    refuse_own_platform,
    tell_state,
)


@dataclass(frozen=True, kw_only=True)
class DeleteCompanies:
    """Mark companies deleted; sessions and keys of their people end within seconds.

    Nothing is erased here: that is an operator's act, after the retention time.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    retention: timedelta
    clock: Clock = utc_now

    async def __call__(
        self, company_ids: Sequence[UUID], *, for_good: bool = False, address: str | None
    ) -> list[Tenant]:
        """Delete all of them, or none.

        Args:
            company_ids: The caller's own, or any for the platform's people.
            for_good: Leave no time to restore them.
            address: From where.

        Raises:
            CompanyNotFound: There is none of these ids, or it is another's.
            PlatformCompany: A super admin is in one of them.
            StepUpRequired: The caller must prove who they are.
        """
        for company_id in company_ids:
            reach(self.caller, company_id)
        now = self.clock()
        await prove(self.unit_of_work, self.caller, now=now)
        for company_id in company_ids:
            async with self.unit_of_work(company_id) as uow:
                _deletable(await uow.tenant.get_in_any_state(), for_good=for_good)
                await refuse_own_platform(uow)
        return [
            await self._delete(company_id, for_good=for_good, address=address, now=now)
            for company_id in company_ids
        ]

    async def _delete(
        self, company_id: UUID, *, for_good: bool, address: str | None, now: datetime
    ) -> Tenant:
        erase_after = now if for_good else now + self.retention
        record = self._record(company_id, erase_after=erase_after, address=address)
        await note_in_own_trail(self.unit_of_work, self.caller, company_id, record, now=now)
        async with self.unit_of_work(company_id) as uow:
            tenant = _deletable(await uow.tenant.get_in_any_state(locked=True), for_good=for_good)
            was_open = tenant.is_open
            tenant.deleted_at = tenant.deleted_at or now
            tenant.erase_after, tenant.updated_at = erase_after, now
            tell_state(uow, tenant, was_open=was_open)
            await note(uow, self.caller, record, now=now)
        return tenant

    def _record(
        self, company_id: UUID, *, erase_after: datetime, address: str | None
    ) -> AuditRecord:
        return by(
            self.caller,
            AuditEvent.COMPANY_DELETED,
            "Company deleted; nobody of it gets in any more.",
            entity=("company", company_id),
            risk=Risk.CRITICAL,
            address=address,
            details={"erase_after": erase_after.isoformat()},
        )


def _deletable(tenant: Tenant | None, *, for_good: bool) -> Tenant:
    # Who is deleted already can only be given up for good.
    if tenant is None or (tenant.deleted_at is not None and not for_good):
        raise CompanyNotFound
    return tenant
