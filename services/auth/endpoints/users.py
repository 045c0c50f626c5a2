"""The users of a company."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from libs.common.errors import Forbidden
from libs.common.http import errors, pagination
from libs.common.security import Scope
from services.auth.domain.clock import utc_now
from services.auth.domain.errors import CompanyNotFound, EmailTaken, InvalidEmail, UserNotFound
from services.auth.endpoints.access import ClientAddress, use_cases_for
from services.auth.schemas.users import NewUserIn, UserListReply, UserOut, UserQuery, UserReply
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1", tags=["users"])

Admin = Annotated[CallerUseCases, Depends(use_cases_for(Scope.USERS_READ))]


@router.post(
    "/auth/user",
    status_code=201,
    response_model=UserReply,
    responses=errors(EmailTaken, InvalidEmail, CompanyNotFound, Forbidden),
)
async def add_user(
    body: NewUserIn,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.PROFILE_WRITE))],
    address: ClientAddress,
) -> UserReply:
    """Add a user to the caller's company; admins and their keys only."""
    user = await use.add_user(body.wanted(), address=address)
    return UserReply.of(user, message="User added.", now=utc_now())


@router.get("/user/{user_id}", response_model=UserReply, responses=errors(UserNotFound, Forbidden))
async def show_user(
    user_id: UUID,
    use: Annotated[CallerUseCases, Depends(use_cases_for(Scope.PROFILE_READ))],
) -> UserReply:
    """Return a user of the company: oneself, or anybody for admins and their keys."""
    user = await use.show_user(user_id)
    return UserReply.of(user, message="User found.", now=utc_now())


@router.get("/admin/user/{user_id}", response_model=UserReply, responses=errors(UserNotFound))
async def show_user_to_admin(user_id: UUID, use: Admin) -> UserReply:
    """Return a user of the company."""
    user = await use.show_user(user_id)
    return UserReply.of(user, message="User found.", now=utc_now())


# The last four are spellings that the command line client tries.
@router.get("/admin/user", response_model=UserListReply)
@router.get("/admin/users", response_model=UserListReply, include_in_schema=False)
@router.get("/users", response_model=UserListReply, include_in_schema=False)
@router.get("/company/users", response_model=UserListReply, include_in_schema=False)
@router.get("/auth/users", response_model=UserListReply, include_in_schema=False)
async def list_users(use: Admin, query: Annotated[UserQuery, Query()]) -> UserListReply:
    """Return one page of the company's users."""
    users, total = await use.list_users(query.wanted(), page=query.page, per_page=query.per_page)
    return UserListReply(
        users=[UserOut.of(user) for user in users],
        pagination=pagination(page=query.page, per_page=query.per_page, total=total),
        filters_applied=query.applied(),
    )
