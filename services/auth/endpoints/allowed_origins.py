"""Whose pages may use a company's credentials."""

from typing import Annotated

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.company_errors import InvalidOrigin, OriginNotOffered
from services.auth.endpoints.access import ClientAddress, use_cases_for
from services.auth.schemas.allowed_origins import AllowedOriginsIn, AllowedOriginsReply
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/admin/allowed-origins", tags=["companies"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_READ))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_UPDATE))]


@router.get("")
async def show_allowed_origins(use: Reader) -> AllowedOriginsReply:
    """Return whose pages may use the company's credentials; everybody's when the list is empty."""
    return AllowedOriginsReply(allowed_origins=list(await use.companies.show_origins()))


@router.put("", responses=errors(InvalidOrigin, OriginNotOffered))
async def set_allowed_origins(
    body: AllowedOriginsIn, use: Writer, address: ClientAddress
) -> AllowedOriginsReply:
    """Set the list in place of the one before; an empty one lets the platform's setting hold."""
    origins = await use.companies.set_origins(body.allowed_origins, address=address)
    return AllowedOriginsReply(allowed_origins=list(origins))
