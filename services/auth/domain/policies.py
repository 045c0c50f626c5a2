"""What a company demands of its users' logins."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from libs.common.security import Scope
from services.auth.domain.accounts import ADMIN_ROLES

# How long after proving oneself sensitive acts need no further proof.
STEP_UP_LIFETIME: Final = timedelta(minutes=10)


class MfaPolicy(StrEnum):
    """Who needs a second factor. With `off` nobody is asked for one, enrolled or not."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED_ADMINS = "required_admins"
    REQUIRED_ALL = "required_all"

    def demands(self, role: str) -> bool:
        """Say whether somebody with this role must have a second factor."""
        return self is MfaPolicy.REQUIRED_ALL or (
            self is MfaPolicy.REQUIRED_ADMINS and role in ADMIN_ROLES
        )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A company's policy, its own or the platform's default."""

    mfa: MfaPolicy
    step_up_for_api_keys: bool = False


# All that somebody may do who must still set up a second factor.
ENROLLING_SCOPES: Final = frozenset({Scope.CREDENTIALS_WRITE, Scope.SESSION_END})
# What nobody may do in another's name: make or change anybody's credentials or rights.
IMPERSONATED_SCOPES: Final = frozenset(Scope) - {
    Scope.CREDENTIALS_WRITE,
    Scope.API_KEYS_READ,
    Scope.API_KEYS_WRITE,
    Scope.API_KEYS_UPDATE,
    Scope.API_KEYS_DELETE,
    Scope.COMPANY_KEYS_DELETE,
    Scope.USERS_WRITE,
    Scope.USERS_UPDATE,
    Scope.USERS_DELETE,
    Scope.ROLES_WRITE,
    Scope.ROLES_UPDATE,
    Scope.ROLES_DELETE,
    Scope.COMPANY_DELETE,
    Scope.CONFIG_WRITE,
    Scope.CONFIG_UPDATE,
    Scope.CONFIG_DELETE,
    Scope.PLATFORM_ADMIN,
}


def must_enroll(policy: Policy, *, role: str, enrolled: bool, method: str | None) -> bool:
    """Say whether a session is good for no more than setting up a second factor.

    Sessions that another identity provider vouched for have no method of ours: it asks for what
    it thinks right.
    """
    return method is not None and not enrolled and policy.mfa.demands(role)


def default_mfa(*, enabled: bool) -> MfaPolicy:
    """Return the policy of companies that chose none."""
    return MfaPolicy.OPTIONAL if enabled else MfaPolicy.OFF


def is_recent(proven_at: datetime | None, now: datetime) -> bool:
    """Say whether a proof is recent enough for a sensitive act."""
    return proven_at is not None and now - proven_at <= STEP_UP_LIFETIME
