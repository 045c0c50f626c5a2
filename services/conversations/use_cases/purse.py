"""What one attempt at an answer may spend: put aside before a model's call, settled after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from libs.common.errors import Unavailable
from libs.common.telemetry import get_logger
from services.conversations.domain.agents import BudgetRule, ChatModelSettings
from services.conversations.domain.errors import BudgetExhausted
from services.conversations.domain.ports import Budgets
from services.conversations.domain.spending import Spending
from services.conversations.domain.spending_limits import most_it_takes

log = get_logger(__name__)

_MAX_TOKENS: Final = 1000
_WHEN: Final = {"day": "today", "month": "this month"}


@dataclass(slots=True, kw_only=True)
class Purse:
    """The budgets that bind one attempt; with none of them it does nothing, and asks nobody.

    What a dead worker had put aside stays so until another ends the answer, and then counts as
    spent, since nobody knows what its call has used: no crash lets anybody spend more.
    """

    budgets: Budgets
    tenant_id: UUID
    answer_id: UUID
    attempt: int
    agent_id: UUID
    rules: Sequence[BudgetRule]
    _held: bool = False

    async def hold(
        self,
        model: ChatModelSettings,
        messages: Sequence[Mapping[str, str]],
        options: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Put aside what a call may use up.

        Returns:
            The options, with a limit to the answer's length in any case that budgets bind.

        Raises:
            BudgetExhausted: There is too little left.
            Unavailable: The database is out of reach.
        """
        if not self.rules:
            return dict(options)
        wanted = options.get("max_tokens") or model.most_tokens or _MAX_TOKENS
        most = most_it_takes(
            model,
            [message["content"] for message in messages],
            max_tokens=int(wanted),
        )
        # Before the call: if it is not known whether it was done, it is settled all the same.
        self._held = True
        short = await self.budgets.hold(
            self.tenant_id,
            self.answer_id,
            self.attempt,
            agent_id=self.agent_id,
            rules=self.rules,
            most=most,
        )
        if short is not None:
            whose = "The company's" if short.scope == "company" else "The agent's"
            raise BudgetExhausted(
                f"{whose} budget for language models is used up for {_WHEN[short.period]}.",
                rule=short,
            )
        return {**options, "max_tokens": int(wanted)}

    async def settle(self, spent: Spending) -> bool:
        """Give back what was not used; a database that is away keeps it put aside.

        Returns:
            Whether it was done.
        """
        if not self._held:
            return False
        try:
            await self.budgets.settle(
                self.tenant_id,
                self.answer_id,
                self.attempt,
                tokens=spent.prompt_tokens + spent.completion_tokens,
                micros=spent.cost_micros,
            )
        except Unavailable:
            log.warning("budget_not_settled", answer_id=str(self.answer_id))
            return False
        self._held = False
        return True
