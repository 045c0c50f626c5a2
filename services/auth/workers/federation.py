"""What single sign-on needs done by the clock."""

import asyncio
import random
from dataclasses import dataclass

from libs.common.database import DatabaseUnavailable
from libs.common.telemetry.logging import get_logger
from services.auth.use_cases.purge_logins import PurgeLogins
from services.auth.use_cases.recheck_domains import RecheckDomains

log = get_logger(__name__)

INTERVAL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class FederationLoop:
    """Looks once a minute for domains to check and logins to forget; waits out outages."""

    recheck_domains: RecheckDomains
    purge_logins: PurgeLogins

    async def run(self) -> None:
        """Work, and rest."""
        while True:
            # Apart from the other replicas' moments.
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            try:
                await self.purge_logins()
                await self.recheck_domains()
            except DatabaseUnavailable:
                log.warning("federation_waits", reason="DatabaseUnavailable")
