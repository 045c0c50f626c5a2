"""Telling when an answer repeats the agent's instructions, as they stand or thinly disguised.

Whoever asks, or a document, may have the model say what it was told. A run of its words is looked
for, forwards, backwards and in ROT13, letter by letter, and inside of what decodes as base64, hex
or percent-escapes. Words that also stand in the passages are the documents', not a leak.
"""

import base64
import binascii
import codecs
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

_WORD: Final = re.compile(r"[^\W_]+")
RUN: Final = 8
"""So many words in a row are no coincidence."""
_SHORT: Final = 4
"""Instructions of fewer words say nothing that is worth hiding."""
_HOLD_FROM: Final = 3
_LETTERS: Final = 24
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_=%-]{24,}")
_BREAK: Final = "\x00"


class InstructionsLeaked(Exception):
    """The answer repeats what the agent was told."""


class _Secret:
    """Instructions as runs of words, ready to be met again."""

    def __init__(self, texts: Sequence[str]) -> None:
        plain: list[str] = []
        runs: list[int] = []
        for text in texts:
            words = _words(text)
            if len(words) >= _SHORT:
                plain += [*words, _BREAK]
                # What is short must be there as a whole; what stands beside it, no sooner for it.
                runs += [min(RUN, len(words))] * (len(words) + 1)
        self.letters = "".join(word for word in plain if word != _BREAK)
        turned = [codecs.encode(word, "rot13") for word in plain]
        backwards = [word[::-1] for word in reversed(plain)]
        self.words = [*plain, *turned, _BREAK, *backwards]
        self.runs = [*runs, *runs, RUN, *reversed(runs)]
        self.places: dict[str, list[int]] = {}
        for place, word in enumerate(self.words):
            if word != _BREAK:
                self.places.setdefault(word, []).append(place)


@lru_cache(maxsize=512)
def _secret_of(texts: tuple[str, ...]) -> _Secret:
    return _Secret(texts)


class LeakGuard:
    """Lets an answer's text through as long as it is not the instructions'.

    A run that begins like them is held back until it goes another way.

    Args:
        texts: What must not be repeated.
        known: What may: the passages that were shown, and the question.
    """

    def __init__(self, texts: Sequence[str], *, known: Sequence[str] = ()) -> None:
        self._secret = _secret_of(tuple(texts))
        self._known_texts = known
        self._known: str | None = None
        self._held = ""
        self._seen = 0
        # How long the run is that ends at a place of the secret.
        self._runs: dict[int, int] = {}
        self._starts: list[int] = []
        self._letters = ""

    def feed(self, text: str) -> str:
        """Take more text, whole words of it; returns what may go out by now.

        Raises:
            InstructionsLeaked: It is the instructions.
        """
        if not self._secret.places:
            return text
        self._held += text
        for match in _WORD.finditer(self._held, self._seen):
            self._meet(match.group().lower(), match.start())
        for encoded in _ENCODED.finditer(self._held, self._seen):
            self._open(encoded.group())
        self._seen = len(self._held)
        longest = max(self._runs.values()) if self._runs else 0
        if longest < _HOLD_FROM:
            shown, self._held, self._seen, self._starts = self._held, "", 0, []
            return shown
        start = self._starts[-longest] if longest <= len(self._starts) else 0
        shown, self._held = self._held[:start], self._held[start:]
        self._seen -= start
        self._starts = [place - start for place in self._starts[-longest:]]
        return shown

    def finish(self) -> str:
        """Return what was held back, the text having ended before it was a leak."""
        shown, self._held = self._held, ""
        return shown

    def _meet(self, word: str, start: int) -> None:
        places = self._secret.places.get(word)
        if len(word) == 1:
            self._letters += word
            if len(self._letters) >= _LETTERS and self._letters[-_LETTERS:] in self._secret.letters:
                raise InstructionsLeaked
        else:
            self._letters = ""
        if places is None:
            # Most words: nothing goes on, and nothing begins.
            self._runs = {}
            self._starts = []
            return
        runs = self._runs
        self._runs = {place: runs.get(place - 1, 0) + 1 for place in places}
        self._starts.append(start)
        for place, length in self._runs.items():
            if length >= self._secret.runs[place] and not self._is_known(place, length):
                raise InstructionsLeaked

    def _is_known(self, place: int, length: int) -> bool:
        if self._known is None:
            self._known = (
                f" {' '.join(word for text in self._known_texts for word in _words(text))} "
            )
        return f" {' '.join(self._secret.words[place - length + 1 : place + 1])} " in self._known

    def _open(self, encoded: str) -> None:
        for text in _decoded(encoded):
            guard = LeakGuard((), known=self._known_texts)
            guard._secret = self._secret
            words = _words(text)
            compact = "".join(words)
            if len(compact) >= _LETTERS and compact in self._secret.letters:
                raise InstructionsLeaked
            for position, word in enumerate(words):
                guard._meet(word, position)


def _decoded(encoded: str) -> list[str]:
    found = []
    if "%" in encoded:
        found.append(unquote(encoded))
    padded = encoded.rstrip("=").replace("-", "+").replace("_", "/")
    with suppress(binascii.Error, ValueError):
        whole = padded + "=" * (-len(padded) % 4)
        found.append(base64.b64decode(whole, validate=True).decode("utf-8"))
    with suppress(ValueError):
        found.append(bytes.fromhex(encoded).decode("utf-8"))
    return found


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
