"""What asking models has used up, whether or not an answer came of it."""

from dataclasses import dataclass

from services.conversations.domain.agents import ChatModelSettings
from services.conversations.domain.budgets import estimated_tokens


@dataclass(slots=True)
class Spending:
    """Tokens of this attempt, and the cost of all attempts, in millionths of a US dollar.

    Who asked is billed the tokens of the one attempt that ended in an answer; what earlier ones
    cost was paid all the same.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_micros: int = 0

    def note(
        self,
        model: ChatModelSettings,
        *,
        prompt: str,
        text: str,
        prompt_tokens: int,
        completion_tokens: int,
    ) -> None:
        """Add a call of a model.

        Args:
            model: It has the prices; the cost is 0 where they are unknown.
            prompt: What was sent.
            text: What came back.
            prompt_tokens: As the provider counts; 0 when it does not say, or had no time to.
            completion_tokens: As the provider counts; 0 when it does not say.
        """
        # An estimate is better than nothing for the ledger.
        prompt_tokens = prompt_tokens or estimated_tokens(prompt)
        completion_tokens = completion_tokens or estimated_tokens(text)
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        self.cost_micros += _cost_micros(model, prompt_tokens, completion_tokens)

    def note_abandoned(self, model: ChatModelSettings, text: str) -> None:
        """Add the cost of an attempt whose worker died; its prompt was as long as this one's.

        Args:
            model: As in this attempt.
            text: What the dead worker had passed on.
        """
        self.cost_micros += _cost_micros(model, self.prompt_tokens, estimated_tokens(text))


def _cost_micros(model: ChatModelSettings, prompt_tokens: int, completion_tokens: int) -> int:
    return round(
        prompt_tokens * model.input_price_per_million
        + completion_tokens * model.output_price_per_million
    )
