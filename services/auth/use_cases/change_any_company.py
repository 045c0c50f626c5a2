"""The platform's people change a company: its details, and whether it is let in."""

from dataclasses import dataclass, replace
from uuid import UUID

from libs.common.security import Caller
from services.auth.domain.accounts import clean_email
from services.auth.domain.audit import AuditEvent, AuditRecord, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound
from services.auth.models.tenants import Tenant
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.create_company import CompanyDetails
from services.auth.use_cases.reach_company import (
    note,
    note_in_own_trail,
    prove,
    refuse_own_platform,
    tell_state,
)


@dataclass(frozen=True, kw_only=True)
class ChangeAnyCompany:
    """Change what is said of a company; one that is not active is shut out within seconds."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def __call__(
        self,
        company_id: UUID,
        details: CompanyDetails,
        *,
        is_active: bool | None = None,
        is_verified: bool | None = None,
        address: str | None,
    ) -> Tenant:
        """Return the changed company; what is None stays.

        Raises:
            CompanyNotFound: There is none, or it is deleted.
            PlatformCompany: A super admin is in the company that was to be suspended.
            StepUpRequired: The caller must prove who they are.
        """
        now = self.clock()
        wanted = {**vars(details), "is_active": is_active, "is_verified": is_verified}
        changed = {name: value for name, value in wanted.items() if value is not None}
        if details.email is not None:
            changed["email"] = clean_email(details.email)
        await prove(self.unit_of_work, self.caller, now=now)
        async with self.unit_of_work(company_id) as uow:
            before = await self._before(uow, changed)
        record = self._record(company_id, before, changed, address=address)
        # What the company is called and where it is reached goes when it is erased; this trail
        # stays.
        told = replace(record, details={"changed": sorted(changed)})
        await note_in_own_trail(self.unit_of_work, self.caller, company_id, told, now=now)
        async with self.unit_of_work(company_id) as uow:
            tenant = await uow.tenant.get(locked=True)
            if tenant is None:
                raise CompanyNotFound
            was_open = tenant.is_open
            for name, value in changed.items():
                setattr(tenant, name, value)
            tenant.updated_at = now
            tell_state(uow, tenant, was_open=was_open)
            await note(uow, self.caller, record, now=now)
        return tenant

    async def _before(self, uow: AuthUnitOfWork, changed: dict[str, object]) -> dict[str, object]:
        tenant = await uow.tenant.get()
        if tenant is None:
            raise CompanyNotFound
        if changed.get("is_active") is False:
            await refuse_own_platform(uow)
        return {name: getattr(tenant, name) for name in changed}

    def _record(
        self,
        company_id: UUID,
        before: dict[str, object],
        changed: dict[str, object],
        *,
        address: str | None,
    ) -> AuditRecord:
        event, risk = AuditEvent.COMPANY_UPDATED, Risk.MEDIUM
        if "is_active" in changed and changed["is_active"] != before["is_active"]:
            closed = changed["is_active"] is False
            event = AuditEvent.COMPANY_SUSPENDED if closed else AuditEvent.COMPANY_REOPENED
            risk = Risk.CRITICAL
        return by(
            self.caller,
            event,
            "Company changed by the platform.",
            entity=("company", company_id),
            risk=risk,
            address=address,
            details={"before": before, "after": changed},
        )
