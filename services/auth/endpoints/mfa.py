"""The caller's second factors, and the company's policy about them."""

from typing import Annotated

from fastapi import APIRouter, Depends

from libs.common.errors import Forbidden
from libs.common.http import errors
from libs.common.security import Scope
from services.auth.adapters.qr_codes import as_png, as_svg
from services.auth.domain.errors import (
    MfaConflict,
    MfaIsOff,
    MfaIsRequired,
    ProofRefused,
    StepUpRequired,
    TooManyAttempts,
    WrongPassword,
)
from services.auth.endpoints.access import PEOPLE, ClientAddress, use_cases_for
from services.auth.schemas.mfa import (
    CodeIn,
    DemandReply,
    MfaReply,
    PolicyIn,
    PolicyReply,
    RecoveryCodesReply,
    StepUpIn,
    TotpReply,
)
from services.auth.schemas.sessions import MessageReply
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/auth/mfa", tags=["second factors"])

Own = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CREDENTIALS_WRITE, kinds=PEOPLE))]


@router.get("", response_model=MfaReply)
async def show_mfa(use: Own) -> MfaReply:
    """Return which second factors the caller has, and what the company demands."""
    return MfaReply.of(await use.show_mfa())


@router.post("/totp", response_model=TotpReply, responses=errors(MfaIsOff, StepUpRequired))
async def begin_totp(use: Own) -> TotpReply:
    """Make a secret for an authenticator app; it counts once it is confirmed."""
    new = await use.begin_totp()
    return TotpReply(
        secret=new.secret, provisioning_uri=new.uri, qr_svg=as_svg(new.uri), qr_png=as_png(new.uri)
    )


@router.post(
    "/totp/confirm",
    response_model=RecoveryCodesReply,
    responses=errors(ProofRefused, MfaConflict, StepUpRequired, TooManyAttempts),
)
async def confirm_totp(body: CodeIn, use: Own, address: ClientAddress) -> RecoveryCodesReply:
    """Confirm an authenticator app by its first code; refresh the tokens afterwards."""
    codes = await use.confirm_totp(body.code, address=address)
    return RecoveryCodesReply(
        message="Your authenticator app is set up.", recovery_codes=list(codes)
    )


@router.delete(
    "/totp",
    response_model=MessageReply,
    responses=errors(MfaConflict, MfaIsRequired, StepUpRequired),
)
async def disable_totp(use: Own, address: ClientAddress) -> MessageReply:
    """Take the authenticator app away."""
    await use.disable_totp(address=address)
    return MessageReply(message="Your authenticator app is taken away.")


@router.post(
    "/recovery-codes",
    response_model=RecoveryCodesReply,
    responses=errors(MfaConflict, StepUpRequired),
)
async def renew_recovery_codes(use: Own, address: ClientAddress) -> RecoveryCodesReply:
    """Make ten new recovery codes; the old ones are worthless."""
    codes = await use.renew_recovery_codes(address=address)
    return RecoveryCodesReply(message="Keep these in a safe place.", recovery_codes=list(codes))


@router.post("/step-up/options", response_model=DemandReply)
async def begin_step_up(use: Own) -> DemandReply:
    """Say what the caller may confirm with, and begin a challenge for a passkey."""
    return DemandReply.of(await use.begin_step_up())


@router.post(
    "/step-up",
    response_model=MessageReply,
    responses=errors(ProofRefused, WrongPassword, TooManyAttempts),
)
async def step_up(body: StepUpIn, use: Own, address: ClientAddress) -> MessageReply:
    """Confirm that it is oneself: sensitive acts are open for ten minutes."""
    await use.step_up(
        body.proof(),
        password=body.password,
        challenge_token=body.challenge_token,
        address=address,
    )
    return MessageReply(message="Confirmed.")


@router.get("/policy", response_model=PolicyReply)
async def show_policy(
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_READ))],
) -> PolicyReply:
    """Return what the company demands of logins."""
    return PolicyReply.of(await use.show_policy())


@router.put("/policy", response_model=PolicyReply, responses=errors(Forbidden, StepUpRequired))
async def set_policy(
    body: PolicyIn,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.CONFIG_WRITE, kinds=PEOPLE))],
    address: ClientAddress,
) -> PolicyReply:
    """Set what the company demands of logins."""
    policy = await use.set_policy(
        mfa=body.mfa, step_up_for_api_keys=body.step_up_for_api_keys, address=address
    )
    return PolicyReply.of(policy)
