"""The users of a company."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from libs.common.errors import Forbidden
from libs.common.http import MAX_PER_PAGE, errors, pagination
from libs.common.security import Scope
from services.auth.domain.accounts import Role, UserStatus
from services.auth.domain.clock import utc_now
from services.auth.domain.errors import CompanyNotFound, EmailTaken, InvalidEmail, UserNotFound
from services.auth.endpoints.access import ClientAddress, use_cases_for
from services.auth.repositories.users import SortColumn, UserFilter
from services.auth.schemas.users import NewUserIn, UserListReply, UserOut, UserReply
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
    # A key needs no more than write access; that its owner is an admin, the use case looks up.
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
async def list_users(
    use: Admin,
    *,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    per_page: Annotated[int, Query(ge=1, le=MAX_PER_PAGE)] = 50,
    status: UserStatus | None = None,
    role: Role | None = None,
    email_verified: bool | None = None,
    search: Annotated[str, Query(max_length=200)] = "",
    sort_by: SortColumn = "created_at",
    sort_order: Literal["asc", "desc"] = "desc",
) -> UserListReply:
    """Return one page of the company's users."""
    wanted = UserFilter(
        status=status,
        role=role,
        email_verified=email_verified,
        search=search or None,
        sort_by=sort_by,
        descending=sort_order == "desc",
    )
    users, total = await use.list_users(wanted, page=page, per_page=per_page)
    narrowed = {"status": status, "role": role, "email_verified": email_verified, "search": search}
    return UserListReply(
        users=[UserOut.of(user) for user in users],
        pagination=pagination(page=page, per_page=per_page, total=total),
        filters_applied={
            **{name: value for name, value in narrowed.items() if value not in (None, "")},
            "sort_by": sort_by,
            "sort_order": sort_order,
        },
    )
