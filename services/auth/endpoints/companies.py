"""Companies: what the API calls tenants."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from libs.common.errors import NotAvailable
from libs.common.http import errors, rate_limited
from libs.common.http.client import ServiceUnavailable
from libs.common.security import Scope
from services.auth.domain.errors import (
    CompanyNotFound,
    InvalidEmail,
    LogoNotFound,
    LogoTooLarge,
    NotAPicture,
)
from services.auth.domain.geography import AddressNotFound
from services.auth.endpoints.access import PEOPLE, ClientAddress, public_use_cases, use_cases_for
from services.auth.endpoints.company_form import body_schema, json_or_form
from services.auth.schemas.companies import (
    CompanyChangedReply,
    CompanyReply,
    LogoReply,
    NewCompanyIn,
    NewCompanyReply,
    OwnCompanyIn,
    StatisticsReply,
    logo_path,
)
from services.auth.wiring import CallerUseCases, PublicUseCases

router = APIRouter(prefix="/api/v1/company", tags=["companies"])


@router.post(
    "",
    status_code=201,
    response_model=NewCompanyReply,
    responses=errors(InvalidEmail),
    openapi_extra=body_schema(NewCompanyIn),
    dependencies=[Depends(rate_limited("register"))],
)
async def create_company(
    request: Request,
    use: Annotated[PublicUseCases, Depends(public_use_cases)],
    address: ClientAddress,
) -> NewCompanyReply:
    """Make a company without users; whoever first registers with its id becomes its admin."""
    body, logo = await json_or_form(request, NewCompanyIn)
    if logo is not None:
        raise NotAvailable("Add the logo once somebody has registered in the company.")
    return NewCompanyReply.reply(await use.create_company(body.details(), address=address))


@router.get("", response_model=CompanyReply, responses=errors(CompanyNotFound))
async def show_own_company(
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_READ))],
) -> CompanyReply:
    """Return the caller's company."""
    return CompanyReply.reply(await use.show_company())


Days = Annotated[int, Query(ge=1, le=366)]
_FIGURES = errors(CompanyNotFound, ServiceUnavailable)


@router.get("/statistics", responses=_FIGURES)
async def show_own_statistics(
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_READ))], days: Days = 30
) -> StatisticsReply:
    """Count the leads and conversations of the caller's company in some days."""
    return StatisticsReply.of(await use.companies.statistics(days=days), days=days)


@router.get("/{company_id}/statistics", responses=_FIGURES)
async def show_statistics(
    company_id: UUID,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_READ))],
    days: Days = 30,
) -> StatisticsReply:
    """Count them for the caller's company by its id, or for any as a super admin."""
    return StatisticsReply.of(await use.companies.statistics(company_id, days=days), days=days)


@router.get("/{company_id}", response_model=CompanyReply, responses=errors(CompanyNotFound))
async def show_company(
    company_id: UUID,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_READ, kinds=PEOPLE))],
) -> CompanyReply:
    """Return the caller's company by its id; any other is not found."""
    return CompanyReply.reply(await use.show_company(company_id))


@router.put(
    "/{company_id}",
    response_model=CompanyChangedReply,
    responses=errors(CompanyNotFound, InvalidEmail, AddressNotFound),
    openapi_extra=body_schema(OwnCompanyIn),
)
async def update_company(
    request: Request,
    company_id: UUID,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_WRITE))],
    address: ClientAddress,
) -> CompanyChangedReply:
    """Change the caller's company; fields that are left out stay as they are."""
    body, logo = await json_or_form(request, OwnCompanyIn)
    if logo is not None:
        await use.set_logo(company_id, logo, address=address)
    changed = await use.update_company(
        company_id, body.details(), address_id=body.address_id, address=address
    )
    return CompanyChangedReply.reply(changed.tenant, changed.address)


@router.get(
    "/logo/{logo_id}",
    response_class=Response,
    responses={
        200: {"content": {"image/*": {}}, "description": "The picture."},
        **errors(LogoNotFound),
    },
)
async def show_logo(
    logo_id: UUID, use: Annotated[PublicUseCases, Depends(public_use_cases)]
) -> Response:
    """Send a picture to whoever has its id."""
    logo = await use.show_logo(logo_id)
    return Response(
        logo.content,
        media_type=logo.media_type,
        headers={
            # Another picture has another id.
            "cache-control": "public, max-age=31536000, immutable",
            "content-security-policy": "default-src 'none'; sandbox",
            "content-disposition": "inline",
            "cross-origin-resource-policy": "cross-origin",
        },
    )


@router.put(
    "/{company_id}/logo",
    response_model=LogoReply,
    responses=errors(CompanyNotFound, NotAPicture, LogoTooLarge),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in ("image/png", "image/jpeg", "image/gif", "image/webp")
            },
        }
    },
)
async def set_logo(
    request: Request,
    company_id: UUID,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_WRITE))],
    address: ClientAddress,
) -> LogoReply:
    """Keep the picture in the body as the company's logo."""
    logo_id = await use.set_logo(company_id, await request.body(), address=address)
    return LogoReply(message="Logo set.", logo=logo_path(logo_id) if logo_id else None)


@router.delete(
    "/{company_id}/logo",
    response_model=LogoReply,
    responses=errors(CompanyNotFound, LogoNotFound),
)
async def remove_logo(
    company_id: UUID,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_WRITE))],
    address: ClientAddress,
) -> LogoReply:
    """Take the company's logo away."""
    await use.set_logo(company_id, None, address=address)
    return LogoReply(message="Logo removed.", logo=None)
