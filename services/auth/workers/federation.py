"""What single sign-on needs done by the clock."""

from dataclasses import dataclass

from libs.common.periodic import repeat
from services.auth.use_cases.purge_logins import PurgeLogins
from services.auth.use_cases.recheck_domains import RecheckDomains

INTERVAL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class FederationLoop:
    """Looks once a minute for domains to check and logins to forget; waits out outages."""

    recheck_domains: RecheckDomains
    purge_logins: PurgeLogins

    async def run(self) -> None:
        """Work for ever."""
        await repeat(self._work, every_seconds=INTERVAL_SECONDS, waits="federation_waits")

    async def _work(self) -> None:
        await self.purge_logins()
        await self.recheck_domains()
