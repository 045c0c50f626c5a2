"""The shapes of people of all companies."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from libs.common.http import MAX_PER_PAGE, Page
from services.auth.domain.accounts import Role, UserStatus
from services.auth.repositories.people import PeopleFilter
from services.auth.schemas.users import UserOut


class PeopleQuery(BaseModel):
    """Which people, and which page of them."""

    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=MAX_PER_PAGE)] = 50
    company_id: UUID | None = None
    role: Role | None = None
    status: UserStatus | None = None
    search: Annotated[str, Field(max_length=254)] | None = Field(
        default=None, description="A part of a name, or a whole e-mail address."
    )
    include_deleted: bool | None = Field(default=None, description="Users are not deleted so far.")

    def wanted(self) -> PeopleFilter:
        """Return it in the repository's words."""
        return PeopleFilter(company_id=self.company_id, role=self.role, status=self.status)


class PeopleReply(BaseModel):
    """One page of people, under the names that clients look for."""

    items: list[UserOut]
    users: list[UserOut]
    pagination: Page
    timestamp: datetime
