"""How far an attempt at an answer has come."""

from dataclasses import dataclass, field, replace

from services.conversations.domain.agents import AgentProfile, ChatModelSettings
from services.conversations.domain.knowledge import Knowledge
from services.conversations.domain.spending import Spending
from services.conversations.use_cases.purse import Purse


@dataclass(slots=True)
class Draft:
    """How far an attempt has come, for when it is cut short."""

    agent: AgentProfile | None = None
    knowledge: Knowledge = field(default_factory=Knowledge)
    pieces: list[str] = field(default_factory=list)
    """The text as it was told."""
    asking: str = ""
    """The prompt that a model has been sent and not begun to answer."""
    spent: Spending = field(default_factory=Spending)
    model: ChatModelSettings | None = None
    """The model that was asked last."""
    purse: Purse | None = None
    _settled: Spending = field(default_factory=Spending)

    def begin(self, agent: AgentProfile, knowledge: Knowledge, purse: Purse) -> None:
        """Begin a try at composing; what an earlier one has used up was paid, and is settled."""
        self.unanswered(paid=True)
        self.agent, self.knowledge, self.purse = agent, knowledge, purse
        self.spent.prompt_tokens = self.spent.completion_tokens = 0
        self._settled = replace(self.spent)

    def unanswered(self, *, paid: bool) -> None:
        """Note that the model that was sent a prompt says nothing to it, be it paid or not."""
        if paid:
            self._note_asking(self.spent)
        self.asking = ""

    async def settle(self) -> None:
        """Settle what was put aside since the last time, with what it has come to."""
        if self.purse is None or not self.purse.rules:
            return
        now, before = replace(self.spent), self._settled
        self._note_asking(now)
        used = Spending(
            now.prompt_tokens - before.prompt_tokens,
            now.completion_tokens - before.completion_tokens,
            now.cost_micros - before.cost_micros,
        )
        if await self.purse.settle(used):
            self._settled = now

    def _note_asking(self, spent: Spending) -> None:
        if self.model is not None and self.asking:
            spent.note(
                self.model, prompt=self.asking, text="", prompt_tokens=0, completion_tokens=0
            )
