"""Registering, logging in and out, and refreshing."""

from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from libs.common.http import errors, rate_limited
from libs.common.security import Scope
from services.auth.domain.errors import (
    AccountNotActive,
    EmailTaken,
    HashingBusy,
    InvalidEmail,
    LinkRefused,
    PasswordResetRequired,
    RefreshRefused,
    RegistrationClosed,
    SecondFactorRefused,
    SessionNotFound,
    TooManyAttempts,
    WrongCredentials,
)
from services.auth.endpoints.access import (
    PEOPLE,
    ClientAddress,
    ClientDevice,
    public_use_cases,
    use_cases_for,
)
from services.auth.schemas.mfa import (
    DemandReply,
    LoginProofIn,
    MfaDemandedReply,
    PasskeyLoginIn,
)
from services.auth.schemas.sessions import (
    LoginIn,
    LoginReply,
    MessageReply,
    RefreshIn,
    RegisterIn,
    SessionListReply,
    SessionOut,
    TokensReply,
)
from services.auth.use_cases.check_second_factor import Demand
from services.auth.wiring import CallerUseCases, PublicUseCases

router = APIRouter(prefix="/api/v1/auth", tags=["sessions"])

Public = Annotated[PublicUseCases, Depends(public_use_cases)]
Own = Annotated[CallerUseCases, Depends(use_cases_for(Scope.CREDENTIALS_WRITE, kinds=PEOPLE))]

_REFRESH_BODY = {
    "requestBody": {
        "required": False,
        "content": {"application/json": {"schema": RefreshIn.model_json_schema()}},
    }
}


@router.post(
    "/register",
    status_code=201,
    response_model=LoginReply,
    responses=errors(EmailTaken, InvalidEmail, RegistrationClosed, LinkRefused, HashingBusy),
    dependencies=[Depends(rate_limited("register"))],
)
async def register(
    body: RegisterIn, use: Public, address: ClientAddress, device: ClientDevice
) -> LoginReply:
    """Register a company with its first admin, or the first admin of a company without users.

    With `invitation_token` one joins the company that the invitation is from.
    """
    joining = body.joining()
    if joining is not None:
        registered = await use.accept_invitation(joining, address=address, device=device)
    else:
        registered = await use.register_user(body.registration(), address=address, device=device)
    return LoginReply.logged_in(registered.tokens, registered.user, message="Welcome.")


@router.post(
    "/login",
    response_model=LoginReply | MfaDemandedReply,
    responses=errors(
        WrongCredentials, AccountNotActive, PasswordResetRequired, TooManyAttempts, HashingBusy
    ),
)
async def login(
    body: LoginIn, use: Public, address: ClientAddress, device: ClientDevice
) -> LoginReply | MfaDemandedReply:
    """Log in with e-mail address and password; with a second factor this is the first step."""
    result = await use.log_in(
        email=body.email, password=body.password, address=address, device=device
    )
    if isinstance(result, Demand):
        return MfaDemandedReply.of(result)
    return LoginReply.logged_in(result.tokens, result.user, message="Logged in.")


@router.post(
    "/login/mfa",
    response_model=LoginReply,
    responses=errors(SecondFactorRefused, AccountNotActive, TooManyAttempts),
)
async def complete_login(
    body: LoginProofIn, use: Public, address: ClientAddress, device: ClientDevice
) -> LoginReply:
    """Finish a login by a second factor."""
    result = await use.complete_log_in(body.mfa_token, body.proof(), address=address, device=device)
    return LoginReply.logged_in(result.tokens, result.user, message="Logged in.")


@router.post(
    "/login/passkey/options",
    response_model=DemandReply,
    dependencies=[Depends(rate_limited("login"))],
)
async def begin_passkey_login(use: Public) -> DemandReply:
    """Say what a browser needs for a login by passkey alone (`navigator.credentials.get`)."""
    return DemandReply.of(await use.begin_passkey_log_in())


@router.post(
    "/login/passkey",
    response_model=LoginReply,
    responses=errors(SecondFactorRefused, AccountNotActive),
    dependencies=[Depends(rate_limited("login"))],
)
async def login_with_passkey(
    body: PasskeyLoginIn, use: Public, address: ClientAddress, device: ClientDevice
) -> LoginReply:
    """Log in with a passkey that has asked for a PIN or a finger."""
    result = await use.log_in_with_passkey(
        body.challenge_token, body.passkey, address=address, device=device
    )
    return LoginReply.logged_in(result.tokens, result.user, message="Logged in.")


@router.post(
    "/refresh",
    response_model=TokensReply,
    responses=errors(RefreshRefused),
    openapi_extra=_REFRESH_BODY,
    dependencies=[Depends(rate_limited("refresh"))],
)
async def refresh(request: Request, use: Public, address: ClientAddress) -> TokensReply:
    """Exchange a refresh token, sent as Bearer or in the body, for a new pair of tokens."""
    tokens = await use.refresh_session(await _refresh_token(request), address=address)
    return TokensReply.reply(tokens, message="Tokens refreshed.")


@router.post("/logout", response_model=MessageReply)
async def logout(
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.SESSION_END, kinds=PEOPLE))],
    address: ClientAddress,
) -> MessageReply:
    """End the session that the access token belongs to."""
    await use.log_out(address=address)
    return MessageReply(message="Logged out.")


@router.post("/logout-all", response_model=MessageReply)
async def logout_everywhere(use: Own, address: ClientAddress) -> MessageReply:
    """End all of the caller's sessions."""
    await use.log_out_everywhere(address=address)
    return MessageReply(message="Logged out everywhere.")


@router.get("/sessions", response_model=SessionListReply)
async def list_sessions(use: Own) -> SessionListReply:
    """Return the caller's sessions, last used first."""
    current = use.caller.session_id
    return SessionListReply(
        sessions=[SessionOut.of(one, current=current) for one in await use.list_sessions()]
    )


@router.delete(
    "/sessions/{session_id}", response_model=MessageReply, responses=errors(SessionNotFound)
)
async def end_session(session_id: UUID, use: Own, address: ClientAddress) -> MessageReply:
    """End one of the caller's sessions."""
    await use.end_session(session_id, address=address)
    return MessageReply(message="The session is over.")


async def _refresh_token(request: Request) -> str:
    """Find the token in the header (SDKs) or in the body (docs), whichever holds one.

    A client may send its access token as Bearer beside the body, and one of the SDKs sends an
    empty form as its body.
    """
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    bearer = bearer.strip() if scheme.lower() == "bearer" else ""
    body = await request.body()
    if body and "json" in request.headers.get("content-type", ""):
        try:
            given = RefreshIn.model_validate(orjson.loads(body) or {})
        except orjson.JSONDecodeError as error:
            problem = {"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error"}
            raise RequestValidationError([problem]) from error
        except ValidationError as error:
            problems = [{**problem, "loc": ("body", *problem["loc"])} for problem in error.errors()]
            raise RequestValidationError(problems) from error
        if given.refresh_token:
            return given.refresh_token
    return bearer
