"""Whether a session still stands, and what its user may do, for who verifies tokens alone."""

from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.clock import Clock, utc_now
from services.auth.repositories.credentials import Credentials, LiveSession


@dataclass(frozen=True, kw_only=True)
class CheckSession:
    """Return what may be done in a session; None unless it, its user and company are good."""

    credentials: Credentials
    clock: Clock = utc_now

    async def __call__(self, tenant_id: UUID, session_id: UUID) -> LiveSession | None:
        return await self.credentials.live_session(tenant_id, session_id, now=self.clock())
