"""Numbers, dates and measures in a text, in one form, so that an answer's can be looked for.

`5 March 2024`, `March 5, 2024` and `2024-03-05` are one date; `thirty days` are `30 days`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from services.conversations.domain.words import stem

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
# Patterns that find words begin with no condition: the engine then looks for the first letters
# itself, several times as fast. What stands before a word is checked after.
_YEAR: Final = re.compile(r"\d{4}(?<!\d{5})(?!\d)")
_SEPARATED: Final = re.compile(r"\d[-./]\s?\d")
_NAMED: Final = (
    re.compile(
        rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<n>{_MONTH})\b\.?,?\s+(?P<y>\d{{4}})"
    ),
    re.compile(rf"(?P<n>{_MONTH})\b\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})"),
)
_NUMBERED: Final = (
    re.compile(r"(?<![\d.-])(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?![\d-])"),
    re.compile(r"(?<![\d.])(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.\s?(?P<y>\d{4})(?!\d)"),
)
# Whether the day or the month stands first depends on who writes.
_SLASHED: Final = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})/(\d{4})(?![\d/])")
_UP_TO_NINETEEN: Final = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
    sixteen seventeen eighteen nineteen
"""
_ONES: Final = _UP_TO_NINETEEN.split()
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES: Final = {
    **{word: value for value, word in enumerate(_ONES)},
    **{word: 10 * (value + 2) for value, word in enumerate(_TENS)},
}
_SPELLED: Final = re.compile(
    rf"(?P<word>{'|'.join(sorted((*_ONES[2:], *_TENS), key=len, reverse=True))})"
    rf"(?:(?<=ty)[- ](?P<unit>{'|'.join(_ONES[1:10])}))?(?!\w)"
)
_UNITS: Final = {
    **{
        stem(word): name
        for name, words in {
            "second": "second seconds sec",
            "minute": "minute minutes min mins",
            "hour": "hour hours hrs",
            "day": "day days",
            "week": "week weeks",
            "month": "month months",
            "year": "year years",
            "percent": "percent",
            "kilogram": "kg kilogram kilograms",
            "gram": "gram grams",
            "kilometre": "km kilometre kilometres kilometer kilometers",
            "centimetre": "cm centimetre centimetres centimeter centimeters",
            "millimetre": "mm millimetre millimetres millimeter millimeters",
            "euro": "eur euro euros",
            "dollar": "usd dollar dollars",
            "litre": "litre litres liter liters",
            "watt": "watt watts",
            "volt": "volt volts",
        }.items()
        for word in words.split()
    },
    "%": "percent",
}
_THOUSANDS: Final = re.compile(r",(?=\d{3}(?!\d))")
_NUMBER: Final = re.compile(r"(\d+(?:[.,]\d+)*)(?:[\s-]*(%|[a-z]+)(?:[\s-]+([a-z]+))?)?")


@dataclass(frozen=True, slots=True)
class Figures:
    """What a text has of them.

    `numbers` are those outside of dates; `dates` hold the readings of each date, of which slashes
    leave two; `measures` are numbers with their units.
    """

    numbers: frozenset[str]
    dates: frozenset[frozenset[str]]
    measures: frozenset[tuple[str, str]]

    def missing_in(self, others: "Figures") -> list[str]:
        """Return what of this the other text does not have, sorted, as it can be shown."""
        known = {reading for readings in others.dates for reading in readings}
        loose = others.numbers | {
            part.lstrip("0") for reading in known for part in reading.split("-")
        }
        absent = [min(readings) for readings in self.dates if not readings & known]
        absent += [
            number
            for number in self.numbers
            if number not in loose and number.lstrip("0") not in loose
        ]
        measured = {number for number, _ in others.measures}
        absent += [
            f"{number} {unit}"
            for number, unit in self.measures
            # The same number of something else; one without a unit may mean anything.
            if number in measured and (number, unit) not in others.measures
        ]
        return sorted(absent)


@lru_cache(maxsize=1024)
def figures(text: str) -> Figures:
    """Find the figures of a text."""
    text = text.lower()
    dates: set[frozenset[str]] = set()
    # Every date has one, most texts have none.
    if _YEAR.search(text):
        text = _without_dates(text, dates)
    text = _SPELLED.sub(_in_digits, text)
    numbers, measures = set(), set()
    for digits, word, another in _NUMBER.findall(text):
        number = _plain(digits)
        numbers.add(number)
        unit = _UNITS.get(stem(word)) or _UNITS.get(stem(another))
        if unit is not None:
            measures.add((number, unit))
    return Figures(frozenset(numbers), frozenset(dates), frozenset(measures))


def joined(texts: Iterable[str]) -> Figures:
    """Return the figures of all texts together."""
    each = [figures(text) for text in texts]
    return Figures(
        frozenset().union(*(one.numbers for one in each)),
        frozenset().union(*(one.dates for one in each)),
        frozenset().union(*(one.measures for one in each)),
    )


def _without_dates(text: str, dates: set[frozenset[str]]) -> str:
    """Take the dates out of a text, and note the plausible readings of each."""

    def note(*readings: tuple[int, int, int]) -> str:
        plausible = {
            f"{year:04}-{month:02}-{day:02}"
            for year, month, day in readings
            if 1 <= month <= 12 and 1 <= day <= 31
        }
        if plausible:
            dates.add(frozenset(plausible))
        return " "

    def named(found: "re.Match[str]") -> str:
        if _in_a_word(found):
            return found.group()
        return note((int(found["y"]), _MONTHS[found["n"]], int(found["d"])))

    if _SEPARATED.search(text):
        for pattern in _NUMBERED:
            text = pattern.sub(
                lambda found: note((int(found["y"]), int(found["m"]), int(found["d"]))), text
            )
        text = _SLASHED.sub(
            lambda found: note(
                (int(found[3]), int(found[1]), int(found[2])),
                (int(found[3]), int(found[2]), int(found[1])),
            ),
            text,
        )
    for pattern in _NAMED:
        text = pattern.sub(named, text)
    return text


def _in_digits(found: "re.Match[str]") -> str:
    if _in_a_word(found):
        return found.group()
    return str(_VALUES[found["word"]] + (_VALUES[found["unit"]] if found["unit"] else 0))


def _in_a_word(found: "re.Match[str]") -> bool:
    """Whether what was found is only the end of a longer word or number."""
    text, begin = found.string, found.start()
    before = text[begin - 1] if begin else " "
    return before.isdigit() if text[begin].isdigit() else before == "_" or before.isalnum()


def _plain(number: str) -> str:
    if "," in number:
        number = _THOUSANDS.sub("", number)
    return number.rstrip("0").rstrip(".") if "." in number else number
