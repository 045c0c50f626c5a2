"""The caller's API keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.clock import utc_now
from services.auth.domain.errors import (
    ApiKeyNotFound,
    ScopeNotAllowed,
    TooManyApiKeys,
    UnknownScope,
)
from services.auth.endpoints.access import PEOPLE, ClientAddress, use_cases_for
from services.auth.schemas.api_keys import (
    ApiKeyListReply,
    ApiKeyOut,
    ApiKeyRevokedReply,
    NewApiKeyIn,
    NewApiKeyReply,
)
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/auth/api-keys", tags=["API keys"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.API_KEYS_READ, kinds=PEOPLE))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.API_KEYS_WRITE, kinds=PEOPLE))]


@router.post(
    "",
    status_code=201,
    response_model=NewApiKeyReply,
    responses=errors(UnknownScope, ScopeNotAllowed, TooManyApiKeys),
)
async def create_api_key(body: NewApiKeyIn, use: Writer, address: ClientAddress) -> NewApiKeyReply:
    """Make an API key that acts for the caller; its secret is shown this once."""
    issued = await use.create_api_key(
        name=body.name,
        scopes=body.scopes,
        permissions=body.permissions,
        expires_in_days=body.expires_in_days,
        address=address,
    )
    return NewApiKeyReply.reply(issued, now=utc_now())


@router.get("", response_model=ApiKeyListReply)
async def list_api_keys(use: Reader) -> ApiKeyListReply:
    """Return the caller's keys that were not revoked."""
    keys = await use.list_api_keys()
    now = utc_now()
    return ApiKeyListReply(api_keys=[ApiKeyOut.of(key, now=now) for key in keys])


@router.delete("/{key_id}", response_model=ApiKeyRevokedReply, responses=errors(ApiKeyNotFound))
async def revoke_api_key(key_id: UUID, use: Writer, address: ClientAddress) -> ApiKeyRevokedReply:
    """Revoke one of the caller's keys; it stops working everywhere within seconds."""
    await use.revoke_api_key(key_id, address=address)
    return ApiKeyRevokedReply(id=key_id)
