"""The credentials of a company's directories, as its admins make them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.errors import StepUpRequired
from services.auth.domain.federation_errors import ScimTokenNotFound, TooManyOfThem
from services.auth.endpoints.access import PEOPLE, ClientAddress, use_cases_for
from services.auth.schemas.federation import (
    NewScimTokenIn,
    NewScimTokenOut,
    ScimTokenOut,
    ScimTokensOut,
)
from services.auth.schemas.scim import PREFIX
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/auth/scim/tokens", tags=["single sign-on"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_READ, kinds=PEOPLE))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_WRITE, kinds=PEOPLE))]


@router.get("", response_model=ScimTokensOut)
async def list_scim_tokens(use: Reader) -> ScimTokensOut:
    """Return the tokens that were not revoked."""
    tokens = await use.federation.list_scim_tokens()
    return ScimTokensOut(tokens=[ScimTokenOut.of(token) for token in tokens])


@router.post(
    "",
    status_code=201,
    response_model=NewScimTokenOut,
    responses=errors(TooManyOfThem, StepUpRequired),
)
async def create_scim_token(
    body: NewScimTokenIn, use: Writer, address: ClientAddress
) -> NewScimTokenOut:
    """Make a token for a directory; it is shown this once."""
    issued = await use.federation.create_scim_token(
        name=body.name, expires_in_days=body.expires_in_days, address=address
    )
    base_url = use.federation.public_url.rstrip("/") + PREFIX
    return NewScimTokenOut.reply(issued, base_url=base_url)


@router.delete("/{token_id}", status_code=204, responses=errors(ScimTokenNotFound))
async def revoke_scim_token(token_id: UUID, use: Writer, address: ClientAddress) -> None:
    """Revoke a token; it opens nothing from the next request on."""
    await use.federation.revoke_scim_token(token_id, address=address)
