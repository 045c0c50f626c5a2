"""What an agent has been doing, in numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """By how much an agent's counters go up, or down."""

    conversations: int = 0
    active: int = 0
    messages: int = 0
    answers: int = 0
    answer_ms: int = 0

    def __add__(self, other: "Steps") -> "Steps":
        """Return both together."""
        return Steps(
            conversations=self.conversations + other.conversations,
            active=self.active + other.active,
            messages=self.messages + other.messages,
            answers=self.answers + other.answers,
            answer_ms=self.answer_ms + other.answer_ms,
        )
