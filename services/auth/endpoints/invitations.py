"""Invitations to a company."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from libs.common.errors import Forbidden
from libs.common.http import errors, rate_limited
from libs.common.security import Scope
from services.auth.domain.errors import (
    EmailTaken,
    HashingBusy,
    InvalidEmail,
    InvitationNotFound,
    LinkRefused,
    StepUpRequired,
    TooManyAttempts,
)
from services.auth.endpoints.access import (
    PEOPLE,
    ClientAddress,
    ClientDevice,
    public_use_cases,
    use_cases_for,
)
from services.auth.schemas.passwords import (
    InvitationListReply,
    InvitationOut,
    InvitationReply,
    InviteIn,
    JoinIn,
    RequestInvitationIn,
)
from services.auth.schemas.sessions import LoginReply, MessageReply
from services.auth.wiring import CallerUseCases, PublicUseCases

router = APIRouter(prefix="/api/v1/auth/invitations", tags=["invitations"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.USERS_READ))]
# A key that leaked must not make itself a person.
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.USERS_WRITE, kinds=PEOPLE))]


@router.post(
    "",
    status_code=201,
    response_model=InvitationReply,
    responses=errors(InvalidEmail, Forbidden, StepUpRequired, TooManyAttempts),
    dependencies=[Depends(rate_limited("mail"))],
)
async def invite_user(body: InviteIn, use: Writer, address: ClientAddress) -> InvitationReply:
    """Invite somebody by mail; an open invitation to the same address is replaced."""
    invitation = await use.invite_user(body.email, role=body.wanted_role(), address=address)
    return InvitationReply(invitation=InvitationOut.of(invitation))


@router.get("", response_model=InvitationListReply)
async def list_invitations(use: Reader) -> InvitationListReply:
    """Return the company's open invitations, newest first."""
    return InvitationListReply(
        invitations=[InvitationOut.of(one) for one in await use.list_invitations()]
    )


@router.post(
    "/accept",
    status_code=201,
    response_model=LoginReply,
    responses=errors(LinkRefused, EmailTaken, HashingBusy),
    dependencies=[Depends(rate_limited("register"))],
)
async def accept_invitation(
    body: JoinIn,
    use: Annotated[PublicUseCases, Depends(public_use_cases)],
    address: ClientAddress,
    device: ClientDevice,
) -> LoginReply:
    """Join a company by the token of an invitation's link, with a password of one's own."""
    joined = await use.accept_invitation(body.joining(), address=address, device=device)
    return LoginReply.logged_in(joined.tokens, joined.user, message="Welcome.")


@router.post(
    "/request",
    response_model=MessageReply,
    responses=errors(InvalidEmail, TooManyAttempts),
    dependencies=[Depends(rate_limited("mail"))],
)
async def request_invitation(
    body: RequestInvitationIn,
    use: Annotated[PublicUseCases, Depends(public_use_cases)],
    address: ClientAddress,
) -> MessageReply:
    """Ask to join the company that lets people of one's e-mail domain in."""
    await use.request_invitation(body.email, company_id=body.company_id, address=address)
    return MessageReply(
        message="If a company lets people with such an address in, a mail is on its way."
    )


@router.delete(
    "/{invitation_id}",
    response_model=MessageReply,
    responses=errors(InvitationNotFound, Forbidden),
)
async def revoke_invitation(
    invitation_id: UUID, use: Writer, address: ClientAddress
) -> MessageReply:
    """Take an open invitation back."""
    await use.revoke_invitation(invitation_id, address=address)
    return MessageReply(message="The invitation is taken back.")
