"""How an agent is to answer, beside what it knows: manner, languages, length, hours."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

_MARKER: Final = re.compile(r"\[Source (\d+)\]")
_MARKER_WITH_SPACE: Final = re.compile(r"\s*\[Source \d+\]")
_MINUTES_A_WEEK: Final = 7 * 24 * 60
# A word is about that many tokens in the languages that need most; a margin, no measure.
_TOKENS_A_WORD: Final = 3


@dataclass(frozen=True, slots=True)
class Hours:
    """When an agent's people are there.

    Args:
        timezone: As in the IANA database.
        spans: Begin and end in minutes after Monday 0:00 there; an end may lie in the next week.
    """

    timezone: str
    spans: Sequence[tuple[int, int]]

    def is_open(self, at: datetime) -> bool:
        """Say whether somebody is there."""
        minute = _minute_of_week(at.astimezone(_zone(self.timezone)))
        return any(
            begin <= minute < end or begin <= minute + _MINUTES_A_WEEK < end
            for begin, end in self.spans
        )

    def opens_next(self, at: datetime) -> datetime | None:
        """Return when somebody is there again, in the hours' own zone; None for never."""
        if not self.spans:
            return None
        local = at.astimezone(_zone(self.timezone))
        minute = _minute_of_week(local)
        wait = min((begin - minute) % _MINUTES_A_WEEK or _MINUTES_A_WEEK for begin, _ in self.spans)
        # Through the wall clock, so that a change to summer time does not move the opening.
        there = local.replace(tzinfo=None, second=0, microsecond=0) + timedelta(minutes=wait)
        return there.replace(tzinfo=_zone(self.timezone))


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """An agent's manner; the defaults are what agents without any do."""

    tone: str = ""
    languages: Sequence[str] = ()
    general_knowledge: bool = False
    citation_style: str = "sources"
    max_words: int | None = None
    says_when_closed: bool = False
    closed_message: str = ""
    hours: Hours | None = None

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Behaviour":
        """Read it from a profile as the agents service tells it."""
        written = found.get("behaviour") or {}
        hours = found.get("hours")
        spans = [(begin, end) for begin, end in hours["spans"]] if hours else []
        return cls(
            tone=written.get("tone") or "",
            languages=tuple(found.get("languages") or ()),
            general_knowledge=written.get("grounding") == "general",
            citation_style=written.get("citation_style") or "sources",
            max_words=written.get("max_words"),
            says_when_closed=written.get("outside_hours") == "say_so",
            closed_message=written.get("outside_hours_message") or "",
            hours=Hours(hours["timezone"], spans) if hours else None,
        )

    @property
    def language_rule(self) -> str:
        """The sentence about the answer's language."""
        if not self.languages:
            return "Answer in the language of the question."
        first, *others = self.languages
        if not others:
            return f"Always answer in this language: {first}."
        known = ", ".join(self.languages)
        return (
            f"Answer in the language of the question if it is one of {known}; otherwise answer "
            f"in this language: {first}."
        )

    def rules(self) -> list[str]:
        """Return the sentences that a prompt tells beside the agent's instructions."""
        told = []
        if self.tone:
            told.append(f"Your tone: {self.tone}")
        if self.max_words is not None:
            told.append(f"Answer in at most {self.max_words} words.")
        return told

    def max_tokens(self, wanted: int | None) -> int | None:
        """Return how many tokens an answer may have, given how many its settings allow."""
        if self.max_words is None:
            return wanted
        allowed = self.max_words * _TOKENS_A_WORD
        return allowed if wanted is None else min(wanted, allowed)

    def styled(self, text: str) -> str:
        """Return an answer's text with its citations as the agent wants them."""
        if self.citation_style == "numbers":
            return _MARKER.sub(r"[\1]", text)
        if self.citation_style == "none":
            return _MARKER_WITH_SPACE.sub("", text)
        return text

    def closed(self, at: datetime) -> str | None:
        """Return what to say instead of answering; None while somebody is there, or need not be."""
        if not self.says_when_closed or self.hours is None or self.hours.is_open(at):
            return None
        back = self.hours.opens_next(at)
        when = "" if back is None else f" We are back on {_spoken(back)} ({self.hours.timezone})."
        return (self.closed_message.strip() or "We are closed at the moment.") + when


def _spoken(at: datetime) -> str:
    # Not by strftime: its names of days depend on the machine.
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    return f"{days[at.weekday()]}, {at.date().isoformat()}, at {at:%H:%M}"


def _minute_of_week(local: datetime) -> int:
    return local.weekday() * 24 * 60 + local.hour * 60 + local.minute


@lru_cache(maxsize=512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
