"""API keys: the caller's own, and those of the whole company."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from libs.common.http import MAX_PER_PAGE, errors, pagination
from libs.common.security import Scope
from services.auth.domain.clock import utc_now
from services.auth.domain.errors import (
    ApiKeyNotFound,
    ApiKeyNotUsable,
    InvalidNetwork,
    ScopeNotAllowed,
    TooManyApiKeys,
    UnknownScope,
)
from services.auth.endpoints.access import PEOPLE, ClientAddress, use_cases_for
from services.auth.schemas.api_keys import (
    ApiKeyChangedReply,
    ApiKeyListReply,
    ApiKeyOut,
    ApiKeyPatch,
    ApiKeyRevokedReply,
    CompanyKeysReply,
    NewApiKeyIn,
    NewApiKeyReply,
    RotationIn,
)
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/auth/api-keys", tags=["API keys"])
admin_router = APIRouter(prefix="/api/v1/admin/api-keys", tags=["API keys"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.API_KEYS_READ, kinds=PEOPLE))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.API_KEYS_WRITE, kinds=PEOPLE))]
CompanyReader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_KEYS_READ))]
CompanyWriter = Annotated[CallerUseCases, Depends(use_cases_for(Scope.COMPANY_KEYS_DELETE))]


@router.post(
    "",
    status_code=201,
    response_model=NewApiKeyReply,
    responses=errors(UnknownScope, ScopeNotAllowed, TooManyApiKeys, InvalidNetwork),
)
async def create_api_key(body: NewApiKeyIn, use: Writer, address: ClientAddress) -> NewApiKeyReply:
    """Make an API key that acts for the caller; its secret is shown this once."""
    issued = await use.create_api_key(body.wanted(), address=address)
    return NewApiKeyReply.reply(issued, now=utc_now())


@router.get("", response_model=ApiKeyListReply)
async def list_api_keys(use: Reader) -> ApiKeyListReply:
    """Return the caller's keys that were not revoked."""
    keys = await use.list_api_keys()
    now = utc_now()
    return ApiKeyListReply(api_keys=[ApiKeyOut.of(key, now=now) for key in keys])


@router.patch(
    "/{key_id}",
    response_model=ApiKeyChangedReply,
    responses=errors(ApiKeyNotFound, InvalidNetwork),
)
async def update_api_key(
    key_id: UUID, body: ApiKeyPatch, use: Writer, address: ClientAddress
) -> ApiKeyChangedReply:
    """Change a key's name, or from where it may be used."""
    key = await use.update_api_key(
        key_id, name=body.name, networks=body.allowed_ips, address=address
    )
    return ApiKeyChangedReply(id=key.id, details=ApiKeyOut.of(key, now=utc_now()))


@router.post(
    "/{key_id}/rotate",
    status_code=201,
    response_model=NewApiKeyReply,
    responses=errors(ApiKeyNotFound, ApiKeyNotUsable, TooManyApiKeys),
)
async def rotate_api_key(
    key_id: UUID, use: Writer, address: ClientAddress, body: RotationIn | None = None
) -> NewApiKeyReply:
    """Replace a key by a new one like it; for a while both work."""
    overlap = timedelta(seconds=(body or RotationIn()).overlap_seconds)
    issued = await use.rotate_api_key(key_id, overlap=overlap, address=address)
    message = "API key replaced. Store the new secret now; it is not shown again."
    return NewApiKeyReply.reply(issued, now=utc_now(), message=message)


@router.delete("/{key_id}", response_model=ApiKeyRevokedReply, responses=errors(ApiKeyNotFound))
async def revoke_api_key(key_id: UUID, use: Writer, address: ClientAddress) -> ApiKeyRevokedReply:
    """Revoke one of the caller's keys; it stops working everywhere within seconds."""
    await use.revoke_api_key(key_id, address=address)
    return ApiKeyRevokedReply(id=key_id)


@admin_router.get("", response_model=CompanyKeysReply)
async def list_company_keys(
    use: CompanyReader,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 50,
) -> CompanyKeysReply:
    """Return everybody's keys that were not revoked."""
    keys, total = await use.list_company_keys(page=page, per_page=per_page)
    now = utc_now()
    return CompanyKeysReply(
        api_keys=[ApiKeyOut.of(key, now=now) for key in keys],
        pagination=pagination(page=page, per_page=per_page, total=total),
    )


@admin_router.delete(
    "/{key_id}", response_model=ApiKeyRevokedReply, responses=errors(ApiKeyNotFound)
)
async def revoke_company_key(
    key_id: UUID, use: CompanyWriter, address: ClientAddress
) -> ApiKeyRevokedReply:
    """Revoke anybody's key of the company."""
    await use.revoke_company_key(key_id, address=address)
    return ApiKeyRevokedReply(id=key_id)
