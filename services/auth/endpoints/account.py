"""The caller's own account and profile."""

from typing import Annotated

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.clock import utc_now
from services.auth.domain.errors import UserNotFound
from services.auth.endpoints.access import ClientAddress, use_cases_for
from services.auth.schemas.users import AccountReply, ProfileIn, ProfileReply, ValidationReply
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1", tags=["account"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.PROFILE_READ))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.PROFILE_WRITE))]


@router.get("/auth/user/me", response_model=AccountReply, responses=errors(UserNotFound))
async def show_me(use: Reader) -> AccountReply:
    """Return the user behind the credentials, and the company."""
    return AccountReply.reply(await use.show_account())


@router.get("/auth/validate", response_model=ValidationReply, responses=errors(UserNotFound))
async def validate(use: Reader) -> ValidationReply:
    """Say that the credentials hold, and whose they are."""
    return ValidationReply.reply(await use.show_account(), now=utc_now())


@router.get("/user/profile", response_model=ProfileReply, responses=errors(UserNotFound))
async def show_profile(use: Reader) -> ProfileReply:
    """Return the caller's profile."""
    return ProfileReply.reply((await use.show_account()).user)


@router.put("/user/profile", response_model=ProfileReply, responses=errors(UserNotFound))
async def update_profile(body: ProfileIn, use: Writer, address: ClientAddress) -> ProfileReply:
    """Change the caller's profile; fields that are left out stay as they are."""
    user = await use.update_profile(body.changes(), address=address)
    return ProfileReply.reply(user, message="Profile updated.")
