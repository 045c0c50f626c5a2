"""Whether a session still stands, for the services that verify tokens by themselves."""

from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.clock import Clock, utc_now
from services.auth.repositories.credentials import Credentials


@dataclass(frozen=True, kw_only=True)
class CheckSession:
    """Say whether a session, its user and its company are good at this moment."""

    credentials: Credentials
    clock: Clock = utc_now

    async def __call__(self, tenant_id: UUID, session_id: UUID) -> bool:
        return await self.credentials.session_is_live(tenant_id, session_id, now=self.clock())
