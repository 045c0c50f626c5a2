"""What the platform's services ask of auth. The gateway lets nothing through to here."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from libs.common.http import anonymous, internal_caller
from libs.common.security import Caller
from services.auth.domain.errors import ApiKeyNotFound
from services.auth.endpoints.access import internal_use_cases, wiring_of
from services.auth.schemas.api_keys import VerifiedKeyOut, VerifyApiKeyIn
from services.auth.schemas.sessions import SessionStateOut
from services.auth.wiring import InternalUseCases

router = APIRouter(prefix="/internal", tags=["internal"], include_in_schema=False)
well_known = APIRouter(tags=["keys"])

Internal = Annotated[InternalUseCases, Depends(internal_use_cases)]


@router.get("/jwks")
async def signing_keys(use: Internal) -> dict[str, Any]:
    """Return the public keys by which access tokens are verified."""
    return dict(use.access_tokens.jwks)


@well_known.get("/.well-known/jwks.json")
async def published_signing_keys(
    request: Request, _caller: Annotated[Caller | None, Depends(anonymous())]
) -> dict[str, Any]:
    """Return the public keys (RFC 7517) by which anybody can verify access tokens."""
    return dict(wiring_of(request).internal.access_tokens.jwks)


@router.post("/api-keys/verify", response_model=VerifiedKeyOut)
async def verify_api_key(body: VerifyApiKeyIn, use: Internal) -> VerifiedKeyOut:
    """Return whom a key pair acts for; 404 for nobody, since 401 is the asking service's own."""
    found = await use.verify_api_key(api_key=body.api_key, api_secret=body.api_secret)
    if found is None:
        raise ApiKeyNotFound
    return VerifiedKeyOut(
        tenant_id=found.tenant_id,
        key_id=found.key_id,
        user_id=found.user_id,
        scopes=found.scopes,
        permissions=found.permissions,
        networks=found.networks,
        limits=found.rates,
        groups=found.group_ids,
        origins=found.origins,
        expires_at=found.expires_at,
    )


@router.get("/sessions/{session_id}", response_model=SessionStateOut)
async def session_state(
    request: Request,
    session_id: UUID,
    service: Annotated[Caller, Depends(internal_caller())],
) -> SessionStateOut:
    """Say whether a session of the tenant in `X-Tenant-ID` still stands, and for what."""
    live = await wiring_of(request).internal.check_session(service.tenant_id, session_id)
    if live is None:
        return SessionStateOut(active=False)
    return SessionStateOut(
        active=True,
        role=live.role,
        permissions=live.permissions,
        limits=live.rates,
        groups=live.group_ids,
        origins=live.origins,
    )
