"""The hourly sweep."""

from dataclasses import dataclass
from typing import Final

from libs.common.periodic import repeat
from services.documents.use_cases.sweep import EraseDeleted, PurgeVersions, SweepStore

INTERVAL_SECONDS: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class SweepLoop:
    """Clears away what nobody can reach any more, once an hour.

    Several workers may do so at once: what one has deleted is not there for the other.
    """

    sweep_store: SweepStore
    erase_deleted: EraseDeleted
    purge_versions: PurgeVersions

    async def run(self) -> None:
        """Sweep for ever; outages are waited out."""
        await repeat(self._sweep, every_seconds=INTERVAL_SECONDS, waits="sweep_postponed")

    async def _sweep(self) -> None:
        await self.erase_deleted()
        await self.purge_versions()
        await self.sweep_store()
