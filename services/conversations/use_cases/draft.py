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

    async def settle(self) -> None:
        """Settle what was put aside for this attempt, with what it has come to so far."""
        if self.purse is None or not self.purse.rules:
            return
        spent = replace(self.spent)
        if self.model is not None and self.asking:
            spent.note(
                self.model, prompt=self.asking, text="", prompt_tokens=0, completion_tokens=0
            )
        await self.purse.settle(spent)
