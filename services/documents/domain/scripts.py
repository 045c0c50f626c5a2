"""What a reranker can read, and what takes its place where it cannot.

A cross-encoder that has learned English reads other languages in its letters fairly well, and
finds everything in other scripts relevant: to it they are rows of unknown signs (measured with
ms-marco-MiniLM: 1.0 for Russian, Chinese and Japanese passages, whatever the question).
"""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from services.documents.domain.search import FoundPassage
from services.documents.domain.terms import terms_of

# The share of a question's terms, by weight, that a passage must have to be about it.
MIN_SHARE: Final = 0.1
_SAMPLE_CHARS: Final = 400


def is_latin(text: str) -> bool:
    """Tell whether a text is written in Latin letters, for the most part; numbers alone are."""
    if text.isascii():
        return True
    letters = [character for character in text[:_SAMPLE_CHARS] if character.isalpha()]
    return 2 * sum(_is_latin(letter) for letter in letters) >= len(letters)


def shares_words(query: str, passages: Sequence[FoundPassage]) -> bool | None:
    """Tell whether a passage has the words of a question; None where they need not be shared.

    That is where question and passages are written in different scripts.
    """
    weights = {
        term: min(len(term), 8) for term in terms_of(query) if not all(map(_is_hiragana, term))
    }
    total = sum(weights.values())
    same_script = [one.text for one in passages if is_latin(one.text) == is_latin(query)]
    if not same_script or not total:
        return None if passages else False
    best = max(
        sum(weights[term] for term in weights.keys() & terms_of(text)) for text in same_script
    )
    return best >= MIN_SHARE * total


@lru_cache(maxsize=4096)
def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")


def _is_hiragana(character: str) -> bool:
    # Endings and particles, mostly: they say nothing about what is asked.
    return "\u3040" <= character <= "\u309f"
