"""Invitations of a tenant."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import update

from libs.common.database import TenantRepository
from services.auth.domain.email_domains import domain_of
from services.auth.models.invitations import Invitation
from services.auth.repositories.emails import sealing_of

_MAX_LISTED = 500


class InvitationRepository(TenantRepository[Invitation]):
    """Reads and writes a tenant's invitations."""

    model = Invitation

    async def open(self, *, now: datetime) -> Sequence[Invitation]:
        """Return those that can still be accepted, newest first."""
        query = (
            self.owned()
            .where(
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
                Invitation.expires_at > now,
            )
            .order_by(Invitation.created_at.desc(), Invitation.id.desc())
            .limit(_MAX_LISTED)
        )
        return (await self.session.scalars(query)).all()

    async def open_for(self, email_key: str, *, now: datetime) -> Invitation | None:
        """Return the one that an address can accept."""
        found: Invitation | None = await self.session.scalar(
            self.owned().where(
                sealing_of(self.session.sync_session).is_of(Invitation, email_key),
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
                Invitation.expires_at > now,
            )
        )
        return found

    async def revoke_for(self, email_key: str, *, now: datetime) -> None:
        """Take back what is open for an address: a new invitation takes its place."""
        await self.session.execute(
            update(Invitation)
            .where(
                Invitation.tenant_id == self.tenant_id,
                sealing_of(self.session.sync_session).is_of(Invitation, email_key),
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
            )
            .values(revoked_at=now)
        )

    async def revoke_of_domain(self, domain: str, *, now: datetime) -> int:
        """Take back what people of a domain asked for themselves; return how many it was.

        Whoever an admin has invited stays invited.
        """
        asked = await self.session.scalars(
            self.owned()
            .where(
                Invitation.invited_by.is_(None),
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
            )
            .with_for_update()
        )
        revoked = 0
        for invitation in asked:
            # Addresses are sealed: only we can tell of which domain one is.
            if domain_of(invitation.email) == domain:
                invitation.revoked_at = now
                revoked += 1
        return revoked

    async def revoke(self, invitation_id: UUID, *, now: datetime) -> bool:
        """Take an open invitation back; False when there is none."""
        return await self._end(invitation_id, now=now, revoked_at=now)

    async def accept(self, invitation_id: UUID, *, now: datetime) -> bool:
        """Use an open invitation up; False when it was taken back, used or has run out."""
        return await self._end(invitation_id, now=now, accepted_at=now)

    async def _end(self, invitation_id: UUID, *, now: datetime, **values: datetime) -> bool:
        ended = await self.session.execute(
            update(Invitation)
            .where(
                Invitation.tenant_id == self.tenant_id,
                Invitation.id == invitation_id,
                Invitation.accepted_at.is_(None),
                Invitation.revoked_at.is_(None),
                Invitation.expires_at > now,
            )
            .values(**values)
            .returning(Invitation.id)
        )
        return ended.first() is not None
