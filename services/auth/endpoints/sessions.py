"""Registering, logging in and out, and refreshing."""

from typing import Annotated

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
    RefreshRefused,
    RegistrationClosed,
    TooManyAttempts,
    WrongCredentials,
)
from services.auth.endpoints.access import PEOPLE, ClientAddress, public_use_cases, use_cases_for
from services.auth.schemas.sessions import (
    LoginIn,
    LoginReply,
    MessageReply,
    RefreshIn,
    RegisterIn,
    TokensReply,
)
from services.auth.wiring import CallerUseCases, PublicUseCases

router = APIRouter(prefix="/api/v1/auth", tags=["sessions"])

Public = Annotated[PublicUseCases, Depends(public_use_cases)]

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
    responses=errors(EmailTaken, InvalidEmail, RegistrationClosed, HashingBusy),
    dependencies=[Depends(rate_limited("register"))],
)
async def register(body: RegisterIn, use: Public, address: ClientAddress) -> LoginReply:
    """Register a company with its first admin, or the first admin of a company without users."""
    registered = await use.register_user(body.registration(), address=address)
    return LoginReply.logged_in(registered.tokens, registered.user, message="Welcome.")


@router.post(
    "/login",
    response_model=LoginReply,
    responses=errors(WrongCredentials, AccountNotActive, TooManyAttempts, HashingBusy),
)
async def login(body: LoginIn, use: Public, address: ClientAddress) -> LoginReply:
    """Log in with e-mail address and password."""
    result = await use.log_in(email=body.email, password=body.password, address=address)
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
