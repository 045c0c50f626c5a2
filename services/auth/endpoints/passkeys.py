"""The caller's passkeys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.errors import (
    MfaConflict,
    MfaIsOff,
    MfaIsRequired,
    PasskeyNotFound,
    ProofRefused,
    StepUpRequired,
)
from services.auth.endpoints.access import PEOPLE, ClientAddress, use_cases_for
from services.auth.schemas.mfa import (
    DemandReply,
    NewPasskeyIn,
    PasskeyListReply,
    PasskeyOut,
    PasskeyReply,
)
from services.auth.schemas.sessions import MessageReply
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/auth/passkeys", tags=["passkeys"])

Own = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CREDENTIALS_WRITE, kinds=PEOPLE))]


@router.post(
    "/options",
    response_model=DemandReply,
    responses=errors(MfaIsOff, MfaConflict, StepUpRequired),
)
async def begin_passkey(use: Own) -> DemandReply:
    """Say what a browser needs to make a passkey (`navigator.credentials.create`)."""
    return DemandReply.of(await use.begin_passkey())


@router.post(
    "", status_code=201, response_model=PasskeyReply, responses=errors(ProofRefused, StepUpRequired)
)
async def add_passkey(body: NewPasskeyIn, use: Own, address: ClientAddress) -> PasskeyReply:
    """Keep the passkey that an authenticator made."""
    passkey, codes = await use.add_passkey(
        body.challenge_token, body.credential, name=body.name, address=address
    )
    return PasskeyReply(
        message="Your passkey is set up.",
        passkey=PasskeyOut.of(passkey),
        recovery_codes=list(codes),
    )


@router.get("", response_model=PasskeyListReply)
async def list_passkeys(use: Own) -> PasskeyListReply:
    """Return the caller's passkeys, oldest first."""
    return PasskeyListReply(passkeys=[PasskeyOut.of(one) for one in await use.list_passkeys()])


@router.delete(
    "/{passkey_id}",
    response_model=MessageReply,
    responses=errors(PasskeyNotFound, MfaIsRequired, StepUpRequired),
)
async def remove_passkey(passkey_id: UUID, use: Own, address: ClientAddress) -> MessageReply:
    """Take a passkey away."""
    await use.remove_passkey(passkey_id, address=address)
    return MessageReply(message="The passkey is removed.")
