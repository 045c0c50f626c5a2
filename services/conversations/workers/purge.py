"""Throwing away what has run out: visits of leads, links, logs, and strays of budgets."""

from dataclasses import dataclass
from typing import Final

from libs.common.database import Database
from libs.common.periodic import repeat
from libs.common.telemetry import get_logger
from services.conversations.repositories.budgets import BudgetStore

log = get_logger(__name__)

INTERVAL_SECONDS: Final = 3600.0
# What stands in a conversation's place goes with its visit.
_DELETE: Final = (
    "DELETE FROM lead_links WHERE expires_at < now()",
    "DELETE FROM lead_visits WHERE expires_at < now()",
    "DELETE FROM webhook_deliveries WHERE created_at < now() - interval '30 days'",
)


@dataclass(frozen=True)
class PurgeLoop:
    """Looks once an hour; outages are waited out."""

    database: Database

    async def run(self) -> None:
        """Throw away for ever."""
        await repeat(self.purge, every_seconds=INTERVAL_SECONDS, waits="purge_waits")

    async def purge(self) -> None:
        """Throw away, of all tenants."""
        for statement in _DELETE:
            async with self.database.lean_cross_tenant() as connection:
                await connection.execute(statement)
        strays = await BudgetStore(self.database).count_strays()
        if strays:
            log.warning("budgets_had_strays", answers=strays)
