"""What admins do to the users of their company, and super admins to anybody's."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from libs.common.errors import Forbidden
from libs.common.http import errors, pagination, rate_limited
from libs.common.security import Scope
from services.auth.domain.clock import utc_now
from services.auth.domain.errors import (
    AccountNotActive,
    OwnAccount,
    RoleNotAllowed,
    StepUpRequired,
    UserNotFound,
)
from services.auth.domain.federation_errors import ProtectedUser
from services.auth.endpoints.access import PEOPLE, ClientAddress, public_use_cases, use_cases_for
from services.auth.schemas.administration import ImpersonationReply, RoleIn, StatusIn
from services.auth.schemas.sessions import MessageReply
from services.auth.schemas.users import UserListReply, UserOut, UserQuery, UserReply
from services.auth.wiring import CallerUseCases, PublicUseCases

router = APIRouter(prefix="/api/v1", tags=["administration"])

Admin = Annotated[CallerUseCases, Depends(use_cases_for(Scope.USERS_WRITE))]
AdminInPerson = Annotated[CallerUseCases, Depends(use_cases_for(Scope.USERS_WRITE, kinds=PEOPLE))]
SuperAdmin = Annotated[CallerUseCases, Depends(use_cases_for(Scope.PLATFORM_ADMIN, kinds=PEOPLE))]
_TOLD = errors(UserNotFound, OwnAccount, RoleNotAllowed, ProtectedUser, Forbidden)
_TOLD_AFTER_PROOF = errors(
    UserNotFound, OwnAccount, RoleNotAllowed, ProtectedUser, Forbidden, StepUpRequired
)


@router.patch("/user/{user_id}/status", response_model=UserReply, responses=_TOLD)
async def set_user_status(
    user_id: UUID, body: StatusIn, use: Admin, address: ClientAddress
) -> UserReply:
    """Let a user in or keep them out; whoever is kept out is out within seconds."""
    user = await use.set_user_status(user_id, body.status, reason=body.reason, address=address)
    return UserReply.of(user, message="Status changed.", now=utc_now())


@router.patch("/user/{user_id}/role", response_model=UserReply, responses=_TOLD_AFTER_PROOF)
async def set_user_role(
    user_id: UUID, body: RoleIn, use: Admin, address: ClientAddress
) -> UserReply:
    """Give a user another role; their sessions end."""
    user = await use.set_user_role(user_id, body.role, address=address)
    return UserReply.of(user, message="Role changed.", now=utc_now())


@router.post(
    "/user/{user_id}/force-password-reset", response_model=UserReply, responses=_TOLD_AFTER_PROOF
)
async def force_password_reset(user_id: UUID, use: Admin, address: ClientAddress) -> UserReply:
    """Demand a new password; the user's sessions end, and a mail with a link is sent."""
    user = await use.force_password_reset(user_id, address=address)
    return UserReply.of(user, message="A new password is demanded.", now=utc_now())


@router.post("/user/{user_id}/mfa/reset", response_model=UserReply, responses=_TOLD_AFTER_PROOF)
async def reset_mfa(user_id: UUID, use: AdminInPerson, address: ClientAddress) -> UserReply:
    """Take away all second factors of a user who has lost them; their sessions end."""
    user = await use.reset_mfa(user_id, address=address)
    return UserReply.of(user, message="Second factors are taken away.", now=utc_now())


@router.post(
    "/user/{user_id}/impersonate",
    response_model=ImpersonationReply,
    responses=errors(UserNotFound, OwnAccount, RoleNotAllowed, AccountNotActive, StepUpRequired),
)
async def impersonate_user(
    user_id: UUID, use: SuperAdmin, address: ClientAddress
) -> ImpersonationReply:
    """Return a token in a user's name, for half an hour; super admins only."""
    return ImpersonationReply.of(await use.impersonate_user(user_id, address=address))


@router.get("/super-admin/company/{company_id}/user", response_model=UserListReply)
async def list_users_of_company(
    company_id: UUID, use: SuperAdmin, query: Annotated[UserQuery, Query()]
) -> UserListReply:
    """Return one page of any company's users; super admins only."""
    users, total = await use.list_users(
        query.wanted(), page=query.page, per_page=query.per_page, tenant_id=company_id
    )
    return UserListReply(
        users=[UserOut.of(user) for user in users],
        pagination=pagination(page=query.page, per_page=query.per_page, total=total),
        filters_applied=query.applied(),
    )


@router.get("/super-admin/companies/{company_id}/users", response_model=UserListReply)
async def list_users_of_company_too(
    company_id: UUID, use: SuperAdmin, query: Annotated[UserQuery, Query()]
) -> UserListReply:
    """Return one page of any company's users: another spelling of the route before."""
    return await list_users_of_company(company_id, use, query)


@router.get(
    "/auth/super-admin",
    response_model=MessageReply,
    dependencies=[Depends(rate_limited("register"))],
)
async def seed_super_admin(
    use: Annotated[PublicUseCases, Depends(public_use_cases)],
) -> MessageReply:
    """Make the super admin that the environment names, if it names one and there is none yet."""
    await use.seed_super_admin()
    # Nothing about whether there is one.
    return MessageReply(message="Done.")
