"""Rate limits of a company: set by its admins, and by the platform."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.errors import (
    CompanyNotFound,
    InvalidRate,
    RateTooHigh,
    UnknownRateClass,
)
from services.auth.endpoints.access import ClientAddress, use_cases_for
from services.auth.schemas.rate_limits import RateLimitsIn, RateLimitsReply
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1", tags=["rate limits"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_READ))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_UPDATE))]
Platform = Annotated[CallerUseCases, Depends(use_cases_for(Scope.PLATFORM_ADMIN))]


@router.get("/admin/rate-limits", response_model=RateLimitsReply)
async def show_rate_limits(use: Reader) -> RateLimitsReply:
    """Return the company's limits by class."""
    return RateLimitsReply.reply(await use.show_rate_limits())


@router.put(
    "/admin/rate-limits",
    response_model=RateLimitsReply,
    responses=errors(InvalidRate, UnknownRateClass, RateTooHigh),
)
async def set_rate_limits(
    body: RateLimitsIn, use: Writer, address: ClientAddress
) -> RateLimitsReply:
    """Set limits below the platform's, in place of those before."""
    found = await use.set_rate_limits(body.limits, company_id=None, address=address)
    return RateLimitsReply.reply(found)


@router.get(
    "/super-admin/companies/{company_id}/rate-limits",
    response_model=RateLimitsReply,
    responses=errors(CompanyNotFound),
)
async def show_company_rate_limits(company_id: UUID, use: Platform) -> RateLimitsReply:
    """Return any company's limits by class."""
    return RateLimitsReply.reply(await use.show_rate_limits(company_id))


@router.put(
    "/super-admin/companies/{company_id}/rate-limits",
    response_model=RateLimitsReply,
    responses=errors(CompanyNotFound, InvalidRate, UnknownRateClass),
)
async def set_company_rate_limits(
    company_id: UUID, body: RateLimitsIn, use: Platform, address: ClientAddress
) -> RateLimitsReply:
    """Set a company's limits, narrower or wider than the platform's."""
    found = await use.set_rate_limits(body.limits, company_id=company_id, address=address)
    return RateLimitsReply.reply(found)
