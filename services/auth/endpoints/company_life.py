"""Companies deleted, restored and suspended, and the platform's view of all of them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request

from libs.common.errors import NotAvailable
from libs.common.http import errors
from libs.common.http.client import ServiceUnavailable
from libs.common.security import Scope
from services.auth.domain.company_errors import CompanyNotDeleted, PlatformCompany, RetentionOver
from services.auth.domain.errors import CompanyNotFound, InvalidEmail, StepUpRequired
from services.auth.endpoints.access import ClientAddress, use_cases_for
from services.auth.endpoints.company_form import body_schema, json_or_form
from services.auth.repositories.companies import CompanyFilter
from services.auth.schemas.companies import CompanyChangedReply, NewCompanyIn, NewCompanyReply
from services.auth.schemas.company_life import (
    AllCompaniesReply,
    AnyCompanyIn,
    AnyCompanyReply,
    CascadeDeleteIn,
    CompaniesDeletedReply,
    CompaniesRestoredReply,
    CompanyIdsIn,
    CompanyListReply,
    CompanyQuery,
    CompanyStateReply,
    RelatedDataReply,
)
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1", tags=["companies"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_READ))]
Changer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_UPDATE))]
Deleter = Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_DELETE))]
Platform = Annotated[CallerUseCases, Depends(use_cases_for(Scope.PLATFORM_ADMIN))]

_DELETION = errors(CompanyNotFound, PlatformCompany, StepUpRequired)
_RETURN = errors(CompanyNotFound, CompanyNotDeleted, RetentionOver, StepUpRequired)
_CHANGE = errors(CompanyNotFound, PlatformCompany, InvalidEmail, StepUpRequired)
_DELETED = "Company deleted; it can be restored for a while."


@router.delete("/company/bulk-delete", responses=_DELETION)
async def delete_companies(
    body: CompanyIdsIn, use: Deleter, address: ClientAddress
) -> CompaniesDeletedReply:
    """Delete companies, all of the list or none: one's own, or any for super admins."""
    deleted = await use.companies.delete(body.distinct(), address=address)
    return CompaniesDeletedReply(
        message="Companies deleted.",
        deleted_count=len(deleted),
        deleted_companies=[tenant.tenant_id for tenant in deleted],
    )


@router.patch("/company/bulk-restore", responses=_RETURN)
async def restore_companies(
    body: CompanyIdsIn, use: Changer, address: ClientAddress
) -> CompaniesRestoredReply:
    """Restore deleted companies, all of the list or none."""
    restored = await use.companies.restore(body.distinct(), address=address)
    return CompaniesRestoredReply(
        message="Companies restored.",
        restored_count=len(restored),
        restored_companies=[tenant.tenant_id for tenant in restored],
    )


@router.get("/company/deleted")
async def list_deleted_companies(
    use: Reader,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=100)] = 20,
) -> CompanyListReply:
    """Return deleted companies that are not erased yet; super admins only see any."""
    found, total = await use.companies.list(
        CompanyFilter(deleted=True), page=page, per_page=per_page
    )
    return CompanyListReply.reply(found, page=page, per_page=per_page, total=total)


@router.patch("/company/{company_id}", responses=_CHANGE, openapi_extra=body_schema(AnyCompanyIn))
@router.patch(
    "/super-admin/companies/{company_id}",
    responses=_CHANGE,
    openapi_extra=body_schema(AnyCompanyIn),
    name="change_company_as_super_admin",
)
async def change_any_company(
    request: Request, company_id: UUID, use: Platform, address: ClientAddress
) -> CompanyChangedReply:
    """Change any company; one that is set inactive is shut out within seconds."""
    body, logo = await json_or_form(request, AnyCompanyIn)
    if logo is not None:
        raise NotAvailable("A company's logo is set by its own people.")
    tenant = await use.companies.change(
        company_id,
        body.details(),
        is_active=body.is_active,
        is_verified=body.is_verified,
        address=address,
    )
    return CompanyChangedReply.reply(tenant)


@router.delete("/company/{company_id}", responses=_DELETION)
async def delete_company(
    company_id: UUID, use: Deleter, address: ClientAddress
) -> CompanyStateReply:
    """Delete the caller's company, or any for super admins; its people are out in seconds."""
    (tenant,) = await use.companies.delete([company_id], address=address)
    return CompanyStateReply.reply(tenant, _DELETED)


@router.delete("/company/{company_id}/cascade-delete", responses=_DELETION)
async def cascade_delete_company(
    company_id: UUID, use: Platform, address: ClientAddress, body: CascadeDeleteIn | None = None
) -> CompanyStateReply:
    """Delete any company; with `delete_related`, for good: it is due for erasure at once."""
    for_good = body is not None and body.delete_related
    (tenant,) = await use.companies.delete([company_id], for_good=for_good, address=address)
    message = "Company deleted; its data is due for erasure." if for_good else _DELETED
    return CompanyStateReply.reply(tenant, message)


@router.get(
    "/company/{company_id}/related-data", responses=errors(CompanyNotFound, ServiceUnavailable)
)
async def count_related_data(company_id: UUID, use: Platform) -> RelatedDataReply:
    """Count what hangs on any company."""
    company, figures = await use.companies.count_related(company_id)
    things = {
        "users": company.users,
        "api_keys": company.api_keys,
        **{name: figures[name] for name in ("agents", "conversations", "questions", "documents")},
    }
    return RelatedDataReply(
        company_id=company_id,
        related_data={**things, "storage_bytes": figures["storage_bytes"]},
        total=sum(things.values()),
    )


@router.patch("/company/{company_id}/restore", responses=_RETURN)
async def restore_company(
    company_id: UUID, use: Changer, address: ClientAddress
) -> CompanyStateReply:
    """Restore a deleted company within its retention time."""
    (tenant,) = await use.companies.restore([company_id], address=address)
    return CompanyStateReply.reply(tenant, "Company restored.")


@router.get("/super-admin/company")
@router.get("/super-admin/companies", name="list_companies_as_super_admin")
async def list_companies(
    use: Platform, query: Annotated[CompanyQuery, Query()]
) -> AllCompaniesReply:
    """Return one page of all companies, newest first."""
    found, total = await use.companies.list(
        query.wanted(), page=query.page, per_page=query.per_page
    )
    return AllCompaniesReply.all(found, page=query.page, per_page=query.per_page, total=total)


@router.post("/super-admin/companies", status_code=201, responses=errors(InvalidEmail))
async def found_company(
    body: NewCompanyIn, use: Platform, address: ClientAddress
) -> NewCompanyReply:
    """Make a company without users; whoever first registers with its id becomes its admin."""
    return NewCompanyReply.reply(await use.companies.found(body.details(), address=address))


@router.get(
    "/super-admin/companies/{company_id}", responses=errors(CompanyNotFound, ServiceUnavailable)
)
async def show_any_company(company_id: UUID, use: Platform) -> AnyCompanyReply:
    """Return any company, deleted or not, with its figures."""
    company, figures = await use.companies.count_related(company_id)
    return AnyCompanyReply.reply(company, figures)
