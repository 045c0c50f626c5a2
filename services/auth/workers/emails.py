"""Sealing addresses that are in plain, by the clock."""

import asyncio
import random
from dataclasses import dataclass

from libs.common.database import DatabaseUnavailable
from libs.common.root_keys import RootKeyUnavailable
from libs.common.telemetry.logging import get_logger
from services.auth.use_cases.seal_emails import SealEmails

log = get_logger(__name__)

INTERVAL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class EmailLoop:
    """Seals at the start and each minute; once nothing is in plain that is one look at an index."""

    seal: SealEmails

    async def run(self) -> None:
        """Seal, and rest."""
        while True:
            try:
                sealed = await self.seal()
            except (DatabaseUnavailable, RootKeyUnavailable) as error:
                log.warning("sealing_waits", reason=type(error).__name__)
            else:
                if sealed:
                    log.info("emails_sealed", rows=sealed)
            # Apart from the other replicas' moments.
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
