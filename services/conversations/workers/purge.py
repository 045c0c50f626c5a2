"""Throwing away what has run out: visits of leads, and links that nobody followed."""

import asyncio
import random
from dataclasses import dataclass
from typing import Final

from libs.common.database import Database, DatabaseUnavailable
from libs.common.telemetry import get_logger

log = get_logger(__name__)

INTERVAL_SECONDS: Final = 3600.0
# What stands in a conversation's place goes with its visit.
_DELETE: Final = (
    "DELETE FROM lead_links WHERE expires_at < now()",
    "DELETE FROM lead_visits WHERE expires_at < now()",
)


@dataclass(frozen=True)
class PurgeLoop:
    """Looks once an hour; outages are waited out."""

    database: Database

    async def run(self) -> None:
        """Throw away, and rest."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
            try:
                await self.purge()
            except DatabaseUnavailable:
                log.warning("purge_waits", reason="DatabaseUnavailable")

    async def purge(self) -> None:
        """Throw away, of all tenants."""
        for statement in _DELETE:
            async with self.database.lean_cross_tenant() as connection:
                await connection.execute(statement)
