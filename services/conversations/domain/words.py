"""Sentences and the words that carry meaning, for matching an answer with its passages."""

import re
from functools import lru_cache
from typing import Final

_WORD: Final = re.compile(r"\w+(?:[.,]\d+)*", re.UNICODE)
# A sentence ends at a full stop with blanks behind it, or at the end of a line. The look-behind
# keeps a long row of full stops from being tried from each of them.
_BOUNDARY: Final = re.compile(r"(?<![.!?])[.!?]++[\"”')\]]*+(?=\s)|\n+")
_STOP_WORDS: Final = """
    a about above after again all also am an and any are as at be because been before being
    between both but by can cannot could did do does doing down during each few for from further
    had has have having he her here hers him his how i if in into is it its itself just me more
    most my no nor not now of off on once only or other our out over own per same she should so
    some such than that the their them then there these they this those through to too under
    until up us very was we were what when where which while who whom why will with would you
    your document documents source sources passage passages according states stated
"""
_STOP: Final = frozenset(_STOP_WORDS.split())
_ENDINGS: Final = (
    "ations",
    "ation",
    "ingly",
    "edly",
    "ments",
    "ment",
    "ing",
    "ies",
    "ed",
    "es",
    "s",
)
_MIN_STEM: Final = 4


_NEGATION: Final = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|cannot|without|unable|impossible|excluded|"
    r"except|forbidden|prohibited|\w+n['\u2019]t)\b",
    re.IGNORECASE,
)


def is_negated(text: str) -> bool:
    """Whether a sentence says that something is not so; two negations make none."""
    return len(_NEGATION.findall(text)) % 2 == 1


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """Cut a common English ending off, so that `opens` and `opened` meet; crude on purpose."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            return word[: -len(ending)]
    return word


def content_words(text: str) -> set[str]:
    """Return the stems of the words that carry meaning; numbers count as words."""
    words = set(_WORD.findall(text.lower())) - _STOP
    return {stem(word) for word in words if len(word) > 1 or word.isdigit()}


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return where each sentence begins and ends; blanks around it are left out."""
    spans = []
    begin = 0
    for end in (*(match.end() for match in _BOUNDARY.finditer(text)), len(text)):
        piece = text[begin:end]
        start = begin + len(piece) - len(piece.lstrip())
        stop = start + len(piece.strip())
        if start < stop:
            spans.append((start, stop))
        begin = end
    return spans
