"""Rotating the signing key by the clock."""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta

from libs.common.database import DatabaseUnavailable
from libs.common.telemetry.logging import get_logger
from services.auth.domain.signing import RETIRE_SCHEDULED_AFTER, SCHEDULED_LEAD
from services.auth.use_cases.rotate_signing_key import RotateSigningKey

log = get_logger(__name__)

INTERVAL_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class SigningKeyLoop:
    """Looks once an hour whether the key has signed for long enough; outages are waited out."""

    rotate: RotateSigningKey
    every: timedelta

    async def run(self) -> None:
        """Look, and rest."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            try:
                signs_from = await self.rotate(
                    lead=SCHEDULED_LEAD,
                    unless_younger_than=self.every,
                    retire_after=RETIRE_SCHEDULED_AFTER,
                )
            except DatabaseUnavailable:
                log.warning("rotation_waits", reason="DatabaseUnavailable")
            else:
                if signs_from is not None:
                    log.info("signing_key_rotated", signs_from=signs_from.isoformat())
