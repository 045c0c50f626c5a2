"""The platform's signing keys."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, or_, text

from libs.common.database import TenantRepository
from services.auth.models.signing_keys import SigningKeyRow

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))")


class SigningKeyRepository(TenantRepository[SigningKeyRow]):
    """Reads and writes signing keys; the unit of work is the platform's."""

    model = SigningKeyRow

    async def lock(self) -> None:
        """Let no other process make keys until the transaction ends."""
        await self.session.execute(_LOCK)

    async def in_use(self, *, now: datetime) -> Sequence[SigningKeyRow]:
        """Return the keys that are not retired by now, the one that signs last first."""
        query = (
            self.owned()
            .where(or_(SigningKeyRow.retired_at.is_(None), SigningKeyRow.retired_at > now))
            .order_by(SigningKeyRow.signs_from.desc(), SigningKeyRow.id.desc())
        )
        return (await self.session.scalars(query)).all()

    async def forget_retired(self, *, before: datetime) -> None:
        """Delete keys that nothing was signed with for long."""
        await self.session.execute(
            delete(SigningKeyRow).where(
                SigningKeyRow.tenant_id == self.tenant_id, SigningKeyRow.retired_at < before
            )
        )
