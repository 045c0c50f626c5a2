"""Whose company somebody may act on, and where the act is recorded."""

from datetime import datetime
from uuid import UUID

from libs.common.events.catalogue.auth import TenantClosed, TenantReopened
from libs.common.security import Caller, CallerKind, Scope
from services.auth.domain.audit import AuditRecord, seen_by_company
from services.auth.domain.company_errors import PlatformCompany
from services.auth.domain.errors import CompanyNotFound
from services.auth.models.tenants import Tenant
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork
from services.auth.use_cases.step_up import require_recent_proof


def reach(caller: Caller, company_id: UUID) -> None:
    """Let everybody reach their own company, and the platform's people any.

    Raises:
        CompanyNotFound: It is another's.
    """
    if company_id != caller.tenant_id and not caller.may(Scope.PLATFORM_ADMIN):
        raise CompanyNotFound


async def prove(open_uow: OpenUnitOfWork, caller: Caller, *, now: datetime) -> None:
    """Ask people for a recent proof; keys cannot give one, and are bound by their scopes."""
    if caller.kind is CallerKind.USER:
        async with open_uow(caller.tenant_id, read_only=True) as uow:
            await require_recent_proof(uow, caller, now=now)


async def note_in_own_trail(
    open_uow: OpenUnitOfWork,
    caller: Caller,
    company_id: UUID,
    record: AuditRecord,
    *,
    now: datetime,
) -> None:
    """Record an act on another company in the actor's own trail; before it, never unseen."""
    if company_id != caller.tenant_id:
        async with open_uow(caller.tenant_id) as uow:
            await uow.audit.append(record, now=now)


async def note(uow: AuthUnitOfWork, caller: Caller, record: AuditRecord, *, now: datetime) -> None:
    """Record an act in the trail of the company it is done to."""
    foreign = uow.tenant_id != caller.tenant_id
    await uow.audit.append(seen_by_company(record) if foreign else record, now=now)


async def refuse_own_platform(uow: AuthUnitOfWork) -> None:
    """Keep the platform's own people from shutting themselves out.

    Raises:
        PlatformCompany: There is a super admin in this company.
    """
    if await uow.users.any_super_admin():
        raise PlatformCompany


def tell_state(uow: AuthUnitOfWork, tenant: Tenant, *, was_open: bool) -> None:
    """Tell the other services when a company has been closed or opened again."""
    if tenant.is_open != was_open:
        tenant.state_version += 1
        uow.outbox.record(
            TenantReopened() if tenant.is_open else TenantClosed(),
            aggregate_id=tenant.tenant_id,
            aggregate_version=tenant.state_version,
        )
