"""The platform's signing keys."""

from collections.abc import Sequence

from sqlalchemy import text

from libs.common.database import TenantRepository
from services.auth.models.signing_keys import SigningKeyRow

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))")


class SigningKeyRepository(TenantRepository[SigningKeyRow]):
    """Reads and writes signing keys; the unit of work is the platform's."""

    model = SigningKeyRow

    async def lock(self) -> None:
        """Let no other process make keys until the transaction ends."""
        await self.session.execute(_LOCK)

    async def in_use(self) -> Sequence[SigningKeyRow]:
        """Return the keys that are not retired, newest first."""
        query = (
            self.owned()
            .where(SigningKeyRow.retired_at.is_(None))
            .order_by(SigningKeyRow.created_at.desc(), SigningKeyRow.id.desc())
        )
        return (await self.session.scalars(query)).all()
