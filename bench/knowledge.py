"""The documents that are asked about: made from a seed, so that they are the same everywhere.

Each section has a code word of its own, so that for each question one passage is the right one.
"""

import random
from functools import cache
from typing import Final

_SYLLABLES: Final = [first + second for first in "bcdfglmnprstv" for second in "aeiou"]
_WORDS_A_SECTION: Final = 130


@cache
def vocabulary() -> tuple[str, ...]:
    """Return made-up words of two to four syllables."""
    chance = random.Random(7)
    return tuple("".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(4_000))


def code_word(manual: int, section: int) -> str:
    """Return what a section, and no other, tells."""
    return f"fact{manual:04d}{section:04d}"


def question(manual: int, section: int, *, number: int) -> str:
    """Ask for a section's code word; `number` makes the question one that nobody has asked yet."""
    title = " ".join(_title(manual, section)).lower()
    return f"What is the code word for {title}, {code_word(manual, section)}? ({number})"


def _title(manual: int, section: int) -> list[str]:
    return random.Random(manual * 100_000 + section).choices(vocabulary(), k=3)


def sections(manual: int, count: int) -> list[str]:
    """Return the sections of a manual as Markdown, each about as long as one passage."""
    words = vocabulary()
    made = []
    for section in range(count):
        title = _title(manual, section)
        chance = random.Random(f"{manual} {section}")
        sentences = [f"For {' '.join(title)} it says {code_word(manual, section)}"]
        for _ in range(10):
            sentence = " ".join(chance.choices(words, k=_WORDS_A_SECTION // 10))
            sentences.append(sentence.capitalize())
        made.append(f"## {' '.join(title).title()}\n\n{'. '.join(sentences)}.\n")
    return made


def markdown(manual: int, count: int) -> str:
    """Return a manual of so many sections."""
    return "\n".join([f"# Manual {manual}\n", *sections(manual, count)])


def small_manual(number: int, *, size_bytes: int = 4_096) -> str:
    """Return a manual of about so many bytes."""
    text = markdown(number, 1 + size_bytes // 1_000)
    return text[:size_bytes]
