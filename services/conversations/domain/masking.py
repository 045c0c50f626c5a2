"""Personal data that need not reach a model's provider: placeholders go out in its place.

They come back in the answer and are put right before anybody reads it. What is told by its form
is found: addresses, numbers with check digits, telephone numbers; not names.
"""

import re
from collections.abc import Callable
from typing import Final

_EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD: Final = re.compile(r"(?<![\d.,])\d(?:[ -]?\d){12,18}(?![\d.,]?\d)")
_SSN: Final = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\d-])")
_PHONE: Final = re.compile(
    r"(?<![\w.,/-])(?<!\d )(?:\+|00)\d{1,3}[ ./-]?(?:\(\d{1,5}\)[ ./-]?)?"
    r"\d(?:[ ./-]?\d){5,12}(?![\w-])"
    r"|(?<![\w.,/-])(?<!\d )\(?0\d{2,5}\)?[ /-]\d(?:[ /-]?\d){4,9}(?![\w-])"
    r"|(?<![\w.,/-])(?<!\d )\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4}(?![\w-])"
)
_IP: Final = re.compile(
    r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]*\d)"
)


class PersonalData:
    """The personal data of one question: the same thing has the same placeholder throughout."""

    def __init__(self) -> None:
        self._placeholders: dict[str, str] = {}
        self.restored: dict[str, str] = {}
        """What each placeholder, such as `[EMAIL_1]`, stands for."""

    def mask(self, text: str) -> str:
        """Return a text with placeholders for what is personal in it."""
        for kind, pattern, is_one in _KINDS:
            text = pattern.sub(self._replacing(kind, is_one), text)
        return text

    def _replacing(
        self, kind: str, is_one: Callable[[str], bool] | None
    ) -> Callable[["re.Match[str]"], str]:
        def replaced(match: "re.Match[str]") -> str:
            own = match.group()
            if is_one is not None and not is_one(own):
                return own
            known = self._placeholders.get(own)
            if known is None:
                count = sum(one.startswith(f"[{kind}_") for one in self.restored) + 1
                known = self._placeholders[own] = f"[{kind}_{count}]"
                self.restored[known] = own
            return known

        return replaced


def masked(text: str) -> str:
    """Return a text for a log: what is personal in it is gone."""
    return PersonalData().mask(text)


def _passes_luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [sum(divmod(digit * 2, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _passes_mod_97(text: str) -> bool:
    """Check as ISO 13616 says."""
    plain = text.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


_KINDS: Final[tuple[tuple[str, re.Pattern[str], Callable[[str], bool] | None], ...]] = (
    ("EMAIL", _EMAIL, None),
    ("IBAN", _IBAN, _passes_mod_97),
    ("CARD", _CARD, _passes_luhn),
    ("SSN", _SSN, None),
    ("PHONE", _PHONE, None),
    ("IP", _IP, None),
)
