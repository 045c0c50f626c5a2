"""What is over is found without a look at what is not."""

from libs.common.database import Database
from services.auth.repositories.expired import LEAD_SESSIONS_OVER


async def test_leads_sessions_that_are_over_are_read_from_an_index(database: Database) -> None:
    plan = f"EXPLAIN {LEAD_SESSIONS_OVER.replace('$1', 'now()')}"
    async with database.lean_cross_tenant() as connection:
        # There are too few rows here for an index to be worth it.
        await connection.execute("SET LOCAL enable_seqscan = off")
        lines = [row[0] for row in await connection.fetch(plan)]

    assert any("ix_lead_sessions_over" in line for line in lines), lines
