"""What the use cases need from outside, in their own words."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from services.auth.domain.health import ServiceHealth


class PasswordHasher(Protocol):
    """Hashes passwords so that testing many guesses is dear; a few at a time."""

    async def hash(self, password: str) -> str:
        """Return a salted hash that names its own parameters.

        Raises:
            HashingBusy: Too many others are waiting.
        """
        ...

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Say whether a password fits; None takes as long as any wrong one, and says no.

        Raises:
            HashingBusy: Too many others are waiting.
        """
        ...

    def is_outdated(self, password_hash: str) -> bool:
        """Say whether a hash was made with weaker parameters than those of today."""
        ...


class AccessTokens(Protocol):
    """Signs the tokens that services verify by themselves."""

    def sign(
        self, *, user_id: UUID, tenant_id: UUID, role: str, session_id: UUID, now: datetime
    ) -> str:
        """Return an access token that is good from now on for `ACCESS_TOKEN_LIFETIME`."""
        ...


class LoginThrottle(Protocol):
    """Bounds how often passwords may be tried."""

    async def check(self, *, email_key: str, address: str) -> None:
        """Count an attempt.

        Raises:
            TooManyAttempts: For this account, this address, or both together.
        """
        ...


class Revocations(Protocol):
    """Makes services forget what they were told about credentials a moment ago."""

    async def session_ended(self, session_id: UUID) -> None:
        """Forget that a session was live; never fails, as what is cached soon runs out."""
        ...

    async def api_key_revoked(self, pair_hash: bytes) -> None:
        """Forget that an API key was good; never fails, as what is cached soon runs out."""
        ...


class ServiceProbe(Protocol):
    """Asks the platform's services how they are."""

    async def health_of(self, service: str) -> ServiceHealth:
        """Return what a service says of itself; never fails, silence is an answer too."""
        ...
