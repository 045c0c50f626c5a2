"""What the use cases need from outside, in their own words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from libs.common.security import Scope
from services.auth.domain.health import ServiceHealth
from services.auth.domain.mails import Mail


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
        self,
        *,
        user_id: UUID,
        tenant_id: UUID,
        role: str,
        session_id: UUID,
        now: datetime,
        only: frozenset[Scope] | None = None,
        impersonator_id: UUID | None = None,
    ) -> str:
        """Return an access token that is good from now on for `ACCESS_TOKEN_LIFETIME`.

        Args:
            user_id: Whom it stands for.
            tenant_id: Their company.
            role: Theirs; it says what the token allows.
            session_id: With which it ends.
            now: The present time.
            only: Of what the role allows, no more than this.
            impersonator_id: Who acts in the user's name; the token then lives no longer than
                `IMPERSONATION_LIFETIME`.
        """
        ...

    def sign_lead(self, *, lead_id: UUID, tenant_id: UUID, session_id: UUID, now: datetime) -> str:
        """Return a lead's token, good from now on for `LEAD_TOKEN_LIFETIME`."""
        ...


class LoginThrottle(Protocol):
    """Bounds how often passwords and codes may be tried, and mails asked for."""

    async def check(self, *, email_key: str, address: str) -> None:
        """Count an attempt.

        Raises:
            TooManyAttempts: For this account, this address, or both together.
        """
        ...

    async def check_second_factor(self, user_id: UUID) -> None:
        """Count an attempt at a second factor.

        Raises:
            TooManyAttempts: For this account.
        """
        ...

    async def check_mail(self, *, email_key: str) -> None:
        """Count a mail that somebody asks for, whether the address is known or not.

        Raises:
            TooManyAttempts: To this address.
        """
        ...


class MailRefused(Exception):
    """This mail will never be taken; the reason is for the operator."""


class MailSender(Protocol):
    """Hands mails over to be delivered."""

    async def send(self, mail: Mail) -> None:
        """Hand a mail over.

        Raises:
            MailServerUnavailable: Not now; later perhaps.
            MailRefused: Never.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class NewPasskey:
    """What is kept of a passkey that an authenticator made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


class DomainAdmission(Protocol):
    """Knows which companies let people of their proven e-mail domains in."""

    async def __call__(self, email: str, *, tenant_id: UUID | None = None) -> UUID | None:
        """Return the company that admits an address of its domain, or None.

        Args:
            email: Must be verified before anybody is let in by it.
            tenant_id: The company that is asked for; any, when left out.
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
