"""The shapes of users, profiles and the caller's own account."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from libs.common.http import MAX_PER_PAGE, Page
from services.auth.domain.accounts import (
    HIGH_LOGIN_ATTEMPTS,
    MAX_PASSWORD_CHARACTERS,
    MIN_PASSWORD_CHARACTERS,
    Role,
    UserStatus,
)
from services.auth.models.users import User
from services.auth.repositories.users import SortColumn, UserFilter
from services.auth.schemas.api_keys import ApiKeyOut
from services.auth.schemas.companies import CompanyOut
from services.auth.use_cases.add_user import NewUser
from services.auth.use_cases.show_account import Account
from services.auth.use_cases.update_profile import ProfileChanges

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Username = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=50)]
EmailText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254)]
Password = Annotated[
    str, Field(min_length=MIN_PASSWORD_CHARACTERS, max_length=MAX_PASSWORD_CHARACTERS)
]


class UserOut(BaseModel):
    """A user as others of the company, and the user, may see them."""

    id: UUID
    email: str
    username: str
    first_name: str
    last_name: str
    role: str
    status: str
    company_id: UUID
    email_verified: bool
    two_factor_enabled: bool
    login_attempts: int
    last_login: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """Show a user."""
        return cls.model_validate(_fields(user))


class ProfileOut(UserOut):
    """A user with the settings of their own."""

    timezone: str
    language: str
    preferences: dict[str, Any]

    @classmethod
    def of(cls, user: User) -> Self:
        """Show a user's profile."""
        settings = {
            "timezone": user.timezone,
            "language": user.language,
            "preferences": user.preferences,
        }
        return cls.model_validate(_fields(user) | settings)


class PersonIn(BaseModel):
    """A person whom somebody else adds."""

    email: EmailText
    password: Password
    first_name: Name
    last_name: Name
    username: Username | None = None

    def wanted(self) -> NewUser:
        """Return it in the use case's words."""
        return NewUser(**{name: getattr(self, name) for name in PersonIn.model_fields})


class NewUserIn(PersonIn):
    """A person whom an admin adds; a role in the body is not looked at."""

    company_id: UUID | None = Field(
        default=None, description="The caller's own company, if given at all."
    )

    def wanted(self) -> NewUser:
        """Return it in the use case's words."""
        return replace(super().wanted(), company_id=self.company_id)


class ProfileIn(BaseModel):
    """What a user may change about themselves; the rest of the body is not looked at."""

    first_name: Name | None = None
    last_name: Name | None = None
    timezone: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    language: Annotated[str, StringConstraints(min_length=2, max_length=35)] | None = None
    preferences: Annotated[dict[str, Any], Field(max_length=200)] | None = None

    def changes(self) -> ProfileChanges:
        """Return it in the use case's words."""
        return ProfileChanges(
            first_name=self.first_name,
            last_name=self.last_name,
            timezone=self.timezone,
            language=self.language,
            preferences=self.preferences,
        )


class UserReply(BaseModel):
    """One user, under every name that clients look under."""

    success: bool = True
    message: str
    user: UserOut
    data: UserOut
    id: UUID
    timestamp: datetime

    @classmethod
    def of(cls, user: User, *, message: str, now: datetime) -> Self:
        """Show a user."""
        shown = UserOut.of(user)
        return cls(message=message, user=shown, data=shown, id=user.id, timestamp=now)


class ProfileReply(ProfileOut):
    """A profile: flat, and once more as `user`."""

    message: str = "Profile found."
    user: ProfileOut

    @classmethod
    def reply(cls, user: User, *, message: str = "Profile found.") -> Self:
        """Show a profile."""
        profile = ProfileOut.of(user)
        return cls(**profile.model_dump(), user=profile, message=message)


class AccountReply(UserOut):
    """The caller: the user flat and as `user`, with the company."""

    user: UserOut
    company: CompanyOut

    @classmethod
    def reply(cls, account: Account) -> Self:
        """Show the caller's account."""
        user = UserOut.of(account.user)
        return cls(**user.model_dump(), user=user, company=CompanyOut.of(account.tenant))


class ValidationReply(BaseModel):
    """Credentials that hold, and whose they are."""

    valid: bool = True
    user: UserOut
    company: CompanyOut
    api_key_info: ApiKeyOut | None

    @classmethod
    def reply(cls, account: Account, *, now: datetime) -> Self:
        """Show whose the credentials are."""
        return cls(
            user=UserOut.of(account.user),
            company=CompanyOut.of(account.tenant),
            api_key_info=ApiKeyOut.of(account.api_key, now=now) if account.api_key else None,
        )


class UserQuery(BaseModel):
    """Which of a company's users, in which order, and which page of them."""

    page: Annotated[int, Field(ge=1, le=100_000)] = 1
    per_page: Annotated[int, Field(ge=1, le=MAX_PER_PAGE)] = 50
    status: UserStatus | None = None
    role: Role | None = None
    email_verified: bool | None = None
    two_factor_enabled: bool | None = None
    search: Annotated[str, Field(max_length=200)] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    last_login_after: datetime | None = None
    last_login_before: datetime | None = None
    never_logged_in: bool | None = None
    high_login_attempts: bool | None = None
    locked: bool | None = Field(default=None, description="Nobody is: logins are slowed down.")
    timezone: str | None = None
    language: str | None = None
    only_deleted: bool | None = Field(default=None, description="Deleted users are gone.")
    sort_by: SortColumn = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"

    def wanted(self) -> UserFilter:
        """Return it in the repository's words."""
        return UserFilter(
            status=self.status,
            role=self.role,
            email_verified=self.email_verified,
            two_factor_enabled=self.two_factor_enabled,
            search=self.search,
            created_after=self.created_after,
            created_before=self.created_before,
            last_login_after=self.last_login_after,
            last_login_before=self.last_login_before,
            never_logged_in=self.never_logged_in,
            min_login_attempts=HIGH_LOGIN_ATTEMPTS if self.high_login_attempts else None,
            timezone=self.timezone,
            language=self.language,
            nobody=bool(self.locked or self.only_deleted),
            sort_by=self.sort_by,
            descending=self.sort_order == "desc",
        )

    def applied(self) -> dict[str, Any]:
        """Return what narrows and sorts the list, as the reply repeats it."""
        return self.model_dump(mode="json", exclude={"page", "per_page"}, exclude_none=True)


class UserListReply(BaseModel):
    """One page of a company's users."""

    users: list[UserOut]
    pagination: Page
    filters_applied: dict[str, Any]


def _fields(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "username": user.username,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "role": user.role,
        "status": user.status,
        "company_id": user.tenant_id,
        "email_verified": user.email_verified,
        "two_factor_enabled": user.two_factor_enabled,
        "login_attempts": user.login_attempts,
        "last_login": user.last_login_at,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    }
