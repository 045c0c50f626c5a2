"""People of all companies, for the platform's own people."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from libs.common.http import errors, pagination
from libs.common.security import Scope
from services.auth.domain.clock import utc_now
from services.auth.domain.errors import (
    CompanyNotFound,
    EmailTaken,
    InvalidEmail,
    LastAdmin,
    OwnAccount,
    RoleNotAllowed,
    StepUpRequired,
    UserNotFound,
)
from services.auth.domain.federation_errors import ProtectedUser
from services.auth.endpoints.access import PEOPLE, ClientAddress, use_cases_for
from services.auth.schemas.people import (
    ActivityEntryOut,
    ActivityQuery,
    ActivityReply,
    AnyUserIn,
    NewUserAnywhereIn,
    PeopleQuery,
    PeopleReply,
)
from services.auth.schemas.users import UserOut, UserReply
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/super-admin", tags=["administration"])

Platform = Annotated[CallerUseCases, Depends(use_cases_for(Scope.PLATFORM_ADMIN))]
SuperAdmin = Annotated[CallerUseCases, Depends(use_cases_for(Scope.PLATFORM_ADMIN, kinds=PEOPLE))]


@router.get("/users")
async def list_people(use: Platform, query: Annotated[PeopleQuery, Query()]) -> PeopleReply:
    """Return one page of all companies' people, newest first."""
    found, total = await use.companies.list_people(
        query.wanted(), search=query.search, page=query.page, per_page=query.per_page
    )
    shown = [UserOut.of(user) for user in found]
    return PeopleReply(
        items=shown,
        users=shown,
        pagination=pagination(page=query.page, per_page=query.per_page, total=total),
        timestamp=utc_now(),
    )


@router.post(
    "/companies/{company_id}/users",
    status_code=201,
    responses=errors(CompanyNotFound, EmailTaken, InvalidEmail, RoleNotAllowed, StepUpRequired),
)
async def add_user_anywhere(
    company_id: UUID, body: NewUserAnywhereIn, use: SuperAdmin, address: ClientAddress
) -> UserReply:
    """Add a user or an admin to any company."""
    user = await use.add_user_anywhere(company_id, body.wanted(), role=body.role, address=address)
    return UserReply.of(user, message="User added.", now=utc_now())


@router.patch(
    "/users/{user_id}",
    responses=errors(
        UserNotFound,
        OwnAccount,
        RoleNotAllowed,
        ProtectedUser,
        EmailTaken,
        InvalidEmail,
        StepUpRequired,
    ),
)
async def change_any_user(
    user_id: UUID, body: AnyUserIn, use: SuperAdmin, address: ClientAddress
) -> UserReply:
    """Change a user of any company; fields that are left out stay as they are."""
    user = await use.change_any_user(user_id, body.changes(), address=address)
    return UserReply.of(user, message="User changed.", now=utc_now())


@router.delete(
    "/users/{user_id}",
    responses=errors(
        UserNotFound, OwnAccount, RoleNotAllowed, ProtectedUser, LastAdmin, StepUpRequired
    ),
)
async def delete_user(user_id: UUID, use: SuperAdmin, address: ClientAddress) -> UserReply:
    """Delete a user of any company for good; their address is free then."""
    user = await use.delete_user(user_id, address=address)
    return UserReply.of(user, message="User deleted.", now=utc_now())


@router.get("/activity")
async def list_activity(use: Platform, query: Annotated[ActivityQuery, Query()]) -> ActivityReply:
    """Return one page of all companies' audit entries, newest first."""
    found, total = await use.companies.list_activity(
        query.wanted(), page=query.page, per_page=query.per_page
    )
    return ActivityReply(
        items=[ActivityEntryOut.at(entry) for entry in found],
        pagination=pagination(page=query.page, per_page=query.per_page, total=total),
        timestamp=utc_now(),
    )
