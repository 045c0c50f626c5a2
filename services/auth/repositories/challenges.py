"""Logins and confirmations under way."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import update

from libs.common.database import TenantRepository
from libs.common.ids import new_id
from services.auth.domain.tokens import (
    CHALLENGE_LIFETIME,
    MAX_CHALLENGE_ATTEMPTS,
    ChallengePurpose,
    challenge_token_hash,
    new_challenge_token,
)
from services.auth.models.second_factors import Challenge

_NONCE_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A new challenge: the token for the client, and what a passkey is to sign."""

    token: str = field(repr=False)
    nonce: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt at a challenge, counted before it is looked at."""

    challenge_id: UUID
    user_id: UUID | None
    nonce: bytes = field(repr=False)


class ChallengeRepository(TenantRepository[Challenge]):
    """Reads and writes a tenant's challenges."""

    model = Challenge

    def begin(self, purpose: ChallengePurpose, *, user_id: UUID | None, now: datetime) -> Begun:
        """Store a challenge."""
        begun = Begun(token=new_challenge_token(), nonce=secrets.token_bytes(_NONCE_BYTES))
        self.add(
            Challenge(
                id=new_id(),
                user_id=user_id,
                purpose=purpose,
                token_hash=challenge_token_hash(begun.token),
                nonce=begun.nonce,
                attempts=0,
                created_at=now,
                expires_at=now + CHALLENGE_LIFETIME,
            )
        )
        return begun

    async def attempt(
        self, challenge_id: UUID, *, purpose: ChallengePurpose, now: datetime
    ) -> Attempt | None:
        """Count an attempt; None when it is over, of another kind, or was tried too often."""
        counted = await self.session.execute(
            update(Challenge)
            .where(
                Challenge.tenant_id == self.tenant_id,
                Challenge.id == challenge_id,
                Challenge.purpose == purpose,
                Challenge.used_at.is_(None),
                Challenge.expires_at > now,
                Challenge.attempts < MAX_CHALLENGE_ATTEMPTS,
            )
            .values(attempts=Challenge.attempts + 1)
            .returning(Challenge.user_id, Challenge.nonce)
        )
        row = counted.one_or_none()
        if row is None:
            return None
        return Attempt(challenge_id=challenge_id, user_id=row[0], nonce=row[1])

    async def finish(self, challenge_id: UUID, *, now: datetime) -> bool:
        """Use a challenge up; False when somebody has."""
        finished = await self.session.execute(
            update(Challenge)
            .where(
                Challenge.tenant_id == self.tenant_id,
                Challenge.id == challenge_id,
                Challenge.used_at.is_(None),
            )
            .values(used_at=now)
            .returning(Challenge.id)
        )
        return finished.first() is not None

    async def end_all(self, user_id: UUID, *, now: datetime) -> None:
        """Use up whatever a user has begun and not finished."""
        await self.session.execute(
            update(Challenge)
            .where(
                Challenge.tenant_id == self.tenant_id,
                Challenge.user_id == user_id,
                Challenge.used_at.is_(None),
            )
            .values(used_at=now)
        )
