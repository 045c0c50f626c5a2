"""What an agent has been doing, in numbers."""

from dataclasses import dataclass, fields


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What came of questions that one version of an agent answered."""

    answers: int = 0
    generated: int = 0
    refused: int = 0
    extractive: int = 0
    citations: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_micros: int = 0
    duration_ms: int = 0
    ratings: int = 0
    rating_sum: int = 0

    def __add__(self, other: "Results") -> "Results":
        """Return both together."""
        sums = {
            one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)
        }
        return Results(**sums)
