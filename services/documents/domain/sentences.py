"""Where sentences begin and end, by rules simple enough to hold in mind.

A sentence ends at a line break, at a full stop that is followed by space and something that can
begin a sentence, or at a CJK full stop. Abbreviations and initials do not end one.
"""

import re
from typing import Final

_BREAK: Final = re.compile(
    r"\n+"
    # "e.g. Apples" and "Dr. Smith" go on; so does "J. Smith".
    r"|(?<=[.!?…])(?<!\b[A-Za-z]\.)(?<!\b(?:Dr|Mr|Ms|St|No|vs|al|cf|Nr)\.)"
    r"(?<!\b(?:Mrs|bzw|e\.g|i\.e|etc|Fig|Inc|Ltd|Sec|z\.B|d\.h)\.)"
    r"[\"'”’»)\]]*\s+(?=[\"'“‘«(\[¿¡]*[^\W_a-zа-яà-öø-ÿ])"  # noqa: RUF001 - marks and letters that end sentences
    r"|(?<=[。！？])[」』”’）]*"  # noqa: RUF001 - marks and letters that end sentences
)


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the spans of the sentences, without the space around them, in reading order."""
    spans: list[tuple[int, int]] = []
    start = 0
    for match in _BREAK.finditer(text):
        # Closing quotes and brackets belong to the sentence they close.
        tail = match.group().rstrip()
        _keep(text, start, match.start() + len(tail), spans)
        start = match.end()
    _keep(text, start, len(text), spans)
    return spans


def _keep(text: str, start: int, end: int, spans: list[tuple[int, int]]) -> None:
    stripped = text[start:end].strip()
    if stripped:
        start += len(text[start:end]) - len(text[start:end].lstrip())
        spans.append((start, start + len(stripped)))
