"""Signing the ends of the audit trails, by the clock."""

from dataclasses import dataclass

from libs.common.periodic import repeat
from libs.common.telemetry.logging import get_logger
from services.auth.domain.audit_heads import HeadStoreUnavailable
from services.auth.use_cases.sign_audit_heads import SignAuditHeads

log = get_logger(__name__)

# With the time that signing takes, nothing stays unsigned for more than a minute.
INTERVAL_SECONDS = 50.0


@dataclass(frozen=True, kw_only=True)
class AuditHeadLoop:
    """Calls the use case within each minute, for ever; outages are waited out."""

    sign: SignAuditHeads

    async def run(self) -> None:
        """Sign for ever."""
        await repeat(
            self._sign, every_seconds=INTERVAL_SECONDS, waits="audit_heads_wait", low=0.8, high=1
        )

    async def _sign(self) -> None:
        try:
            signed = await self.sign()
        except HeadStoreUnavailable as error:
            log.warning("audit_heads_wait", reason=str(error) or type(error).__name__)
        else:
            log.debug("audit_heads_signed", count=signed)
