"""How much text fits into a prompt.

Tokens are estimated from bytes rather than counted: a tokeniser costs more than it tells, and
each provider has another one.
"""

from collections.abc import Sequence

from services.conversations.domain.answers import Turn

_BYTES_PER_TOKEN = 4


def estimated_tokens(text: str) -> int:
    """Return about how many tokens a chat model makes of `text`; 0 for empty text."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


def fit_history(turns: Sequence[Turn], *, budget: int) -> list[Turn]:
    """Keep the newest turns that fit the budget, in reading order.

    Args:
        turns: Oldest first.
        budget: Chat-model tokens left for history; 0 or more.

    Returns:
        A suffix of `turns`; empty when not even the last one fits.

    Raises:
        ValueError: `budget` is negative.
    """
    if budget < 0:
        raise ValueError("the budget cannot be negative")
    kept: list[Turn] = []
    for turn in reversed(turns):
        budget -= estimated_tokens(turn.content)
        if budget < 0:
            break
        kept.append(turn)
    kept.reverse()
    return kept
