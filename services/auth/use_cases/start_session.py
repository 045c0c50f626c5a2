"""The end of every way in: a session, and tokens for it."""

from dataclasses import dataclass
from datetime import datetime

from services.auth.domain.ports import AccessTokens
from services.auth.domain.sessions import (
    ACCESS_TOKEN_LIFETIME,
    IssuedTokens,
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

    async def __call__(
        self, uow: AuthUnitOfWork, user: User, *, address: str | None, now: datetime
    ) -> IssuedTokens:
        session = Session.begun(user_id=user.id, address=address, now=now)
        refresh_token = new_refresh_token()
        await uow.sessions.begin(session, token_hash=hash_of_new(refresh_token), now=now)
        return IssuedTokens(
            access_token=self.access_tokens.sign(
                user_id=user.id,
                tenant_id=uow.tenant_id,
                role=user.role,
                session_id=session.id,
                now=now,
            ),
            refresh_token=refresh_token,
            expires_at=now + ACCESS_TOKEN_LIFETIME,
        )
