"""Logins that nobody came back from are thrown away."""

from dataclasses import dataclass

from services.auth.domain.clock import Clock, utc_now
from services.auth.repositories.federation import ExpiredLogins


@dataclass(frozen=True, kw_only=True)
class PurgeLogins:
    """Delete what has run out."""

    expired: ExpiredLogins
    clock: Clock = utc_now

    async def __call__(self) -> None:
        await self.expired.delete(before=self.clock())
