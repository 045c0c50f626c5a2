"""Proven addresses and new passwords, mostly by links in mails."""

from typing import Annotated

from fastapi import APIRouter, Depends

from libs.common.http import errors, rate_limited
from libs.common.security import Scope
from services.auth.domain.errors import (
    HashingBusy,
    LinkRefused,
    TooManyAttempts,
    UserNotFound,
    WrongPassword,
)
from services.auth.endpoints.access import PEOPLE, ClientAddress, public_use_cases, use_cases_for
from services.auth.schemas.passwords import ChangePasswordIn, EmailIn, ResetPasswordIn, TokenIn
from services.auth.schemas.sessions import MessageReply
from services.auth.wiring import CallerUseCases, PublicUseCases

router = APIRouter(prefix="/api/v1", tags=["passwords"])

Public = Annotated[PublicUseCases, Depends(public_use_cases)]

# The same words whether somebody has the address or not.
_ON_ITS_WAY = "If this address belongs to an account, a mail is on its way."


@router.post(
    "/send",
    response_model=MessageReply,
    responses=errors(TooManyAttempts),
    dependencies=[Depends(rate_limited("mail"))],
)
async def send_verification(body: EmailIn, use: Public) -> MessageReply:
    """Send the link that proves an address."""
    await use.request_verification(body.email)
    return MessageReply(message=_ON_ITS_WAY)


@router.post(
    "/verify",
    response_model=MessageReply,
    responses=errors(LinkRefused),
    dependencies=[Depends(rate_limited("mail"))],
)
async def verify_email(body: TokenIn, use: Public, address: ClientAddress) -> MessageReply:
    """Prove an address by the token of its link."""
    await use.verify_email(body.token, address=address)
    return MessageReply(message="Your e-mail address is confirmed.")


@router.post(
    "/auth/password/forgot",
    response_model=MessageReply,
    responses=errors(TooManyAttempts),
    dependencies=[Depends(rate_limited("mail"))],
)
async def forgot_password(body: EmailIn, use: Public, address: ClientAddress) -> MessageReply:
    """Send the link that sets a new password."""
    await use.request_password_reset(body.email, address=address)
    return MessageReply(message=_ON_ITS_WAY)


@router.post(
    "/auth/password/reset",
    response_model=MessageReply,
    responses=errors(LinkRefused, HashingBusy),
    dependencies=[Depends(rate_limited("mail"))],
)
async def reset_password(
    body: ResetPasswordIn, use: Public, address: ClientAddress
) -> MessageReply:
    """Set a new password by the token of a link; all sessions end."""
    await use.reset_password(body.token, password=body.password, address=address)
    return MessageReply(message="Your password is set. Log in with it.")


@router.put(
    "/auth/password",
    response_model=MessageReply,
    responses=errors(WrongPassword, TooManyAttempts, HashingBusy, UserNotFound),
)
async def change_password(
    body: ChangePasswordIn,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.CREDENTIALS_WRITE, kinds=PEOPLE))],
    address: ClientAddress,
) -> MessageReply:
    """Change the caller's password; all other sessions end."""
    await use.change_password(
        present=body.current_password, wanted=body.new_password, address=address
    )
    return MessageReply(message="Your password is changed.")
