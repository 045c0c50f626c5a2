"""The documents that are asked about: made from a seed, so that they are the same everywhere.

Each section has a code word of its own, so that for each question one passage is the right one.
"""

import random
from typing import Final

_SYLLABLES: Final = [first + second for first in "bcdfglmnprstv" for second in "aeiou"]
_WORDS_A_SECTION: Final = 130


def vocabulary(*, size: int = 4_000, seed: int = 7) -> list[str]:
    """Return made-up words of two to four syllables."""
    chance = random.Random(seed)
    return ["".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(size)]


def code_word(manual: int, section: int) -> str:
    """Return what a section, and no other, tells."""
    return f"fact{manual:04d}{section:04d}"


def question(manual: int, section: int, *, number: int) -> str:
    """Ask for a section's code word; `number` makes the question one that nobody has asked yet."""
    return (
        f"What is the code word of section {section} in manual {manual}, "
        f"{code_word(manual, section)}? ({number})"
    )


def sections(manual: int, count: int) -> list[str]:
    """Return the sections of a manual as Markdown, each about as long as one passage."""
    words = vocabulary()
    chance = random.Random(manual)
    made = []
    for section in range(count):
        told = f"The code word of section {section} in manual {manual} is "
        sentences = [told + code_word(manual, section)]
        for _ in range(10):
            sentence = " ".join(chance.choices(words, k=_WORDS_A_SECTION // 10))
            sentences.append(sentence.capitalize())
        title = " ".join(chance.choices(words, k=3)).title()
        made.append(f"## {title}\n\n{'. '.join(sentences)}.\n")
    return made


def markdown(manual: int, count: int) -> str:
    """Return a manual of so many sections."""
    return "\n".join([f"# Manual {manual}\n", *sections(manual, count)])


def small_manual(number: int, *, size_bytes: int = 4_096) -> str:
    """Return a manual of about so many bytes."""
    text = markdown(number, 1 + size_bytes // 1_000)
    return text[:size_bytes]
