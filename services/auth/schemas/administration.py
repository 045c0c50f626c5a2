"""The shapes of what admins do to users."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, StringConstraints

from services.auth.domain.accounts import Role, UserStatus
from services.auth.domain.sessions import IMPERSONATION_LIFETIME
from services.auth.schemas.users import UserOut
from services.auth.use_cases.impersonate_user import Impersonation


def _settable(status: UserStatus) -> UserStatus:
    if status is UserStatus.PENDING_VERIFICATION:
        raise ValueError("Set active, inactive or suspended.")
    return status


SettableStatus = Annotated[UserStatus, AfterValidator(_settable)]


class StatusIn(BaseModel):
    """A user's new status, and why."""

    status: SettableStatus
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)] | None = None


class RoleIn(BaseModel):
    """A user's new role."""

    role: Role


class ImpersonationReply(BaseModel):
    """A token in somebody else's name."""

    message: str = "You act as this user; everything you do is recorded."
    access_token: str
    token: str
    token_type: Literal["Bearer"] = "Bearer"
    expires_in: int = int(IMPERSONATION_LIFETIME.total_seconds())
    expires_at: datetime
    user: UserOut

    @classmethod
    def of(cls, impersonation: Impersonation) -> Self:
        """Show a token."""
        return cls(
            access_token=impersonation.access_token,
            token=impersonation.access_token,
            expires_at=impersonation.expires_at,
            user=UserOut.of(impersonation.user),
        )
