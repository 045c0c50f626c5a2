"""Rotating the signing key by the clock."""

from dataclasses import dataclass
from datetime import timedelta

from libs.common.periodic import repeat
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
        """Look for ever."""
        await repeat(self._look, every_seconds=INTERVAL_SECONDS, waits="rotation_waits")

    async def _look(self) -> None:
        signs_from = await self.rotate(
            lead=SCHEDULED_LEAD,
            unless_younger_than=self.every,
            retire_after=RETIRE_SCHEDULED_AFTER,
        )
        if signs_from is not None:
            log.info("signing_key_rotated", signs_from=signs_from.isoformat())
