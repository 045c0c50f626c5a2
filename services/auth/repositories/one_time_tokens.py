"""Tokens of links in mails."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.domain.tokens import LIFETIMES, Purpose, link_token_hash, new_link_token
from services.auth.models.invitations import OneTimeToken


@dataclass(frozen=True, kw_only=True)
class TokenSubject:
    """Whom a token is about."""

    user_id: UUID | None
    invitation_id: UUID | None


class OneTimeTokens:
    """One tenant's tokens."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    def issue(
        self,
        purpose: Purpose,
        *,
        now: datetime,
        user_id: UUID | None = None,
        invitation_id: UUID | None = None,
    ) -> str:
        """Store the hash of a new token, and return the token, which exists nowhere else."""
        token = new_link_token()
        self.session.add(
            OneTimeToken(
                tenant_id=self.tenant_id,
                token_hash=link_token_hash(token),
                purpose=purpose,
                user_id=user_id,
                invitation_id=invitation_id,
                created_at=now,
                expires_at=now + LIFETIMES[purpose],
            )
        )
        return token

    async def use(
        self, token_hash: bytes, *, purpose: Purpose, now: datetime
    ) -> TokenSubject | None:
        """Use a token up; None when it is of another kind, used or has run out."""
        used = await self.session.execute(
            update(OneTimeToken)
            .where(
                OneTimeToken.tenant_id == self.tenant_id,
                OneTimeToken.token_hash == token_hash,
                OneTimeToken.purpose == purpose,
                OneTimeToken.used_at.is_(None),
                OneTimeToken.expires_at > now,
            )
            .values(used_at=now)
            .returning(OneTimeToken.user_id, OneTimeToken.invitation_id)
        )
        row = used.one_or_none()
        return None if row is None else TokenSubject(user_id=row[0], invitation_id=row[1])

    async def use_all_of(self, user_id: UUID, *, purpose: Purpose, now: datetime) -> None:
        """Use up a user's tokens of one kind: what they were for has been done."""
        await self.session.execute(
            update(OneTimeToken)
            .where(
                OneTimeToken.tenant_id == self.tenant_id,
                OneTimeToken.user_id == user_id,
                OneTimeToken.purpose == purpose,
                OneTimeToken.used_at.is_(None),
            )
            .values(used_at=now)
        )
