"""The shapes of people of all companies."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AliasChoices, BaseModel, Field, StringConstraints

from libs.common.http import MAX_PER_PAGE, Page
from services.auth.domain.accounts import Role, UserStatus
from services.auth.models.audit_entries import AuditEntry
from services.auth.repositories.activity import MAX_COUNTED
from services.auth.repositories.people import PeopleFilter
from services.auth.schemas.administration import SettableStatus
from services.auth.schemas.audit import AuditEntryOut
from services.auth.schemas.users import EmailText, Name, PersonIn, UserOut
from services.auth.use_cases.change_any_user import UserChanges


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
    include_deleted: bool | None = Field(default=None, description="Deleted users are gone.")

    def wanted(self) -> PeopleFilter:
        """Return it in the repository's words."""
        return PeopleFilter(company_id=self.company_id, role=self.role, status=self.status)


class PeopleReply(BaseModel):
    """One page of people, under the names that clients look for."""

    items: list[UserOut]
    users: list[UserOut]
    pagination: Page
    timestamp: datetime


class NewUserAnywhereIn(PersonIn):
    """A person whom the platform adds to a company; its id stands in the path."""

    role: Role = Role.USER


class AnyUserIn(BaseModel):
    """What the platform may change about anybody; what is left out stays."""

    email: EmailText | None = None
    first_name: Name | None = None
    last_name: Name | None = None
    role: Role | None = None
    status: SettableStatus | None = None
    email_verified: bool | None = None

    def changes(self) -> UserChanges:
        """Return it in the use case's words."""
        return UserChanges(**dict(self))


EventType = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100)]


class ActivityQuery(BaseModel):
    """Which events, and which page of them."""

    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=MAX_PER_PAGE)] = 50
    types: Annotated[list[EventType], Field(max_length=50)] = Field(
        default_factory=list,
        validation_alias=AliasChoices("types", "types[]"),
        description="Events such as `user.created`, or the first word of theirs; `a,b` is two.",
    )

    def wanted(self) -> list[str]:
        """Return each type once."""
        return sorted({one for given in self.types for one in given.split(",") if one})


class ActivityEntryOut(AuditEntryOut):
    """An audit entry of any company; its id is its place in that company's trail."""

    company_id: UUID

    @classmethod
    def at(cls, entry: AuditEntry) -> Self:
        """Show an entry and whose it is."""
        return cls(**AuditEntryOut.of(entry).model_dump(), company_id=entry.tenant_id)


class ActivityReply(BaseModel):
    """One page of what happened."""

    items: list[ActivityEntryOut]
    pagination: Page = Field(description=f"Counts up to {MAX_COUNTED:,} entries.")
    timestamp: datetime
