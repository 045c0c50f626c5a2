"""Sessions and their refresh tokens."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from libs.common.database import TenantRepository
from services.auth.domain.sessions import EndReason
from services.auth.models.sessions import RefreshToken, Session

MAX_LISTED: Final = 200


class SessionRepository(TenantRepository[Session]):
    """Reads and writes a tenant's sessions."""

    model = Session

    async def begin(self, session: Session, *, token_hash: bytes, now: datetime) -> None:
        """Store a new session with its first refresh token."""
        self.add(session)
        # The token refers to the session, which the mapper does not know.
        await self.session.flush()
        self._add_token(session, token_hash=token_hash, now=now)

    async def locked(self, session_id: UUID) -> Session | None:
        """Return a session, nobody else refreshing or ending it until the transaction ends."""
        query = self.owned().where(Session.id == session_id).with_for_update()
        found: Session | None = await self.session.scalar(query)
        return found

    async def live_of(self, user_id: UUID, *, now: datetime) -> Sequence[Session]:
        """Return a user's own sessions that are not over, last used first."""
        query = (
            self.owned()
            .where(
                Session.user_id == user_id,
                Session.ended_at.is_(None),
                Session.idle_until > now,
                Session.expires_at > now,
                Session.impersonator_id.is_(None),
            )
            .order_by(Session.refreshed_at.desc(), Session.id.desc())
            .limit(MAX_LISTED)
        )
        return (await self.session.scalars(query)).all()

    async def end_all(
        self, user_id: UUID, *, reason: EndReason, now: datetime, but: UUID | None = None
    ) -> Sequence[UUID]:
        """End a user's sessions, all but one if it is named; return those that were ended."""
        statement = (
            update(Session)
            .where(
                Session.tenant_id == self.tenant_id,
                Session.user_id == user_id,
                Session.ended_at.is_(None),
            )
            .values(ended_at=now, ended_reason=reason)
            .returning(Session.id)
        )
        if but is not None:
            statement = statement.where(Session.id != but)
        return (await self.session.scalars(statement)).all()

    async def note_proof(self, session_id: UUID, *, now: datetime) -> None:
        """Remember that the user of a session has just proved to be themselves."""
        await self.session.execute(
            update(Session)
            .where(Session.tenant_id == self.tenant_id, Session.id == session_id)
            .values(proven_at=now)
        )

    async def token(self, token_hash: bytes) -> RefreshToken | None:
        """Return a refresh token, live or replaced."""
        found: RefreshToken | None = await self.session.scalar(
            select(RefreshToken).where(
                RefreshToken.tenant_id == self.tenant_id, RefreshToken.token_hash == token_hash
            )
        )
        return found

    async def replace_token(
        self,
        session: Session,
        *,
        token_hash: bytes,
        successor_hash: bytes,
        successor: bytes,
        now: datetime,
    ) -> bool:
        """Put a successor in a token's place, unless somebody already has.

        Args:
            session: The session of both.
            token_hash: Of the token to replace.
            successor_hash: Of the new one.
            successor: The new one, encrypted.
            now: The present time.

        Returns:
            False, and nothing is changed, when the token was replaced before.
        """
        claimed = await self.session.execute(
            update(RefreshToken)
            .where(
                RefreshToken.tenant_id == self.tenant_id,
                RefreshToken.token_hash == token_hash,
                RefreshToken.replaced_at.is_(None),
            )
            .values(replaced_at=now, successor=successor)
            .returning(RefreshToken.generation)
        )
        if claimed.first() is None:
            return False
        session.refreshed(now)
        self._add_token(session, token_hash=successor_hash, now=now)
        return True

    def _add_token(self, session: Session, *, token_hash: bytes, now: datetime) -> None:
        self.session.add(
            RefreshToken(
                tenant_id=self.tenant_id,
                token_hash=token_hash,
                session_id=session.id,
                generation=session.generation,
                created_at=now,
            )
        )
