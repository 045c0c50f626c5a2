"""People of all companies, for the platform's own people."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from libs.common.http import pagination
from libs.common.security import Scope
from services.auth.domain.clock import utc_now
from services.auth.endpoints.access import use_cases_for
from services.auth.schemas.people import PeopleQuery, PeopleReply
from services.auth.schemas.users import UserOut
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/super-admin", tags=["administration"])

Platform = Annotated[CallerUseCases, Depends(use_cases_for(Scope.PLATFORM_ADMIN))]


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
