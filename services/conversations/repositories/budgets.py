"""The SQL of budgets: putting aside before a model is called, and settling afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from libs.common.database import PLATFORM_TENANT, Database
from libs.common.ids import new_id
from services.conversations.domain.agents import BudgetRule
from services.conversations.domain.spending_limits import BudgetUse, MostItTakes

# Stands for "all agents" where an agent's id would.
_COMPANY: Final = PLATFORM_TENANT

_USES: Final = """
SELECT scope_id, period, unit, spent, reserved FROM budget_uses
WHERE tenant_id = $1 AND scope_id = ANY($2)
  AND starts_on = date_trunc(period, now() AT TIME ZONE 'UTC')::date
"""


@dataclass(frozen=True)
class BudgetStore:
    """Budgets in PostgreSQL, which alone decides whether there is something left."""

    database: Database

    async def hold(
        self,
        tenant_id: UUID,
        answer_id: UUID,
        attempt: int,
        *,
        agent_id: UUID,
        rules: Sequence[BudgetRule],
        most: MostItTakes,
    ) -> BudgetRule | None:
        """Put aside what a call may use up, of all budgets or of none.

        Args:
            tenant_id: Whose.
            answer_id: For which answer.
            attempt: Which attempt at it; what that holds already stays.
            agent_id: Of which agent.
            rules: The budgets that bind it.
            most: What the call may use up.

        Returns:
            None when it was put aside; otherwise the budget that has too little left.
        """
        # In one order for all, so that no two wait for each other.
        ordered = sorted(rules, key=lambda rule: (rule.scope, rule.period, rule.unit))
        rows = await self.database.call(
            "hold_budget",
            tenant_id,
            answer_id,
            attempt,
            agent_id,
            new_id(),
            [_COMPANY if rule.scope == "company" else agent_id for rule in ordered],
            [rule.period for rule in ordered],
            [rule.unit for rule in ordered],
            [rule.amount for rule in ordered],
            [most.of(rule.unit) for rule in ordered],
        )
        ((short,),) = rows
        return ordered[short - 1] if short else None

    async def settle(
        self, tenant_id: UUID, answer_id: UUID, attempt: int, *, tokens: int, micros: int
    ) -> None:
        """Give back what an attempt at an answer holds, and count what it has used up."""
        await self.database.call("settle_budget", tenant_id, answer_id, attempt, tokens, micros)

    async def count_strays(self) -> int:
        """Count as used, of all tenants, what is put aside for answers that have long ended.

        Returns:
            How many answers it was.
        """
        async with self.database.lean_cross_tenant() as connection:
            rows = await connection.fetch("SELECT * FROM stray_budget_holds()")
        for row in rows:
            await self.database.call("forfeit_budget", row["tenant_id"], row["answer_id"], None)
        return len(rows)

    async def uses(
        self, tenant_id: UUID, agent_id: UUID, rules: Sequence[BudgetRule]
    ) -> list[BudgetUse]:
        """Return how much has gone of these budgets in the running periods."""
        async with self.database.lean(tenant_id) as connection:
            rows = await connection.fetch(_USES, tenant_id, [agent_id, _COMPANY])
        gone: Mapping[tuple[bool, str, str], tuple[int, int]] = {
            (row["scope_id"] == _COMPANY, row["period"], row["unit"]): (
                row["spent"],
                row["reserved"],
            )
            for row in rows
        }
        uses = []
        for rule in rules:
            key = (rule.scope == "company", rule.period, rule.unit)
            spent, held = gone.get(key, (0, 0))
            uses.append(BudgetUse(rule=rule, spent=spent, held=held))
        return uses
