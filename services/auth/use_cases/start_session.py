"""The end of every way in: a session, and tokens for it."""

from dataclasses import dataclass
from datetime import datetime

from services.auth.domain.policies import ENROLLING_SCOPES, MfaPolicy, must_enroll
from services.auth.domain.ports import AccessTokens
from services.auth.domain.sessions import (
    ACCESS_TOKEN_LIFETIME,
    IssuedTokens,
    Method,
    hash_of_new,
    new_refresh_token,
)
from services.auth.models.sessions import Session
from services.auth.models.users import User
from services.auth.repositories.unit_of_work import AuthUnitOfWork


@dataclass(frozen=True, kw_only=True)
class StartSession:
    """Begin a session in the unit of work of the login or registration that leads to it."""

    access_tokens: AccessTokens
    default_mfa: MfaPolicy = MfaPolicy.OPTIONAL

    async def __call__(
        self,
        uow: AuthUnitOfWork,
        user: User,
        *,
        address: str | None,
        now: datetime,
        device: str | None = None,
        method: Method | None = None,
    ) -> IssuedTokens:
        """Return the session's first tokens.

        Args:
            uow: Of the user's tenant.
            user: Who has just proved to be themselves.
            address: Where from.
            now: The present time.
            device: What the client calls itself.
            method: How they came in; None when another identity provider vouches for them.
        """
        session = Session.begun(
            user_id=user.id, address=address, now=now, device=device, method=method
        )
        refresh_token = new_refresh_token()
        await uow.sessions.begin(session, token_hash=hash_of_new(refresh_token), now=now)
        policy = await uow.policy.get(default=self.default_mfa)
        enrolling = must_enroll(
            policy, role=user.role, enrolled=user.two_factor_enabled, method=method
        )
        return IssuedTokens(
            access_token=self.access_tokens.sign(
                user_id=user.id,
                tenant_id=uow.tenant_id,
                role=user.role,
                session_id=session.id,
                now=now,
                only=ENROLLING_SCOPES if enrolling else None,
            ),
            refresh_token=refresh_token,
            expires_at=now + ACCESS_TOKEN_LIFETIME,
            enrolling=enrolling,
        )
