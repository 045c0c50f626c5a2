"""When people can be reached: from what clients write to minutes of a week.

A day is written as `"09:00-17:00"`, as `{"open": "09:00", "close": "17:00"}`, as a list of those,
or as null or `"closed"`; hours may run past midnight. Whatever else stands in the object is kept
and means nothing here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from services.agents.domain.errors import BadOperatingHours

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MINUTES_A_DAY: Final = 24 * 60
_TIME: Final = re.compile(r"([01]?\d|2[0-4])(?::([0-5]\d))?")


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """When an agent's people are there.

    Args:
        timezone: As in the IANA database.
        spans: Begin and end in minutes after Monday 0:00 there; an end may lie in the next week.
    """

    timezone: str
    spans: tuple[tuple[int, int], ...]


def parse_hours(written: Mapping[str, Any]) -> WeeklyHours | None:
    """Return the hours of a week; None when no day is named, which means always.

    Raises:
        BadOperatingHours: Names the field that cannot be read.
    """
    zone = written.get("timezone") or "UTC"
    try:
        if not isinstance(zone, str):
            raise TypeError
        ZoneInfo(zone)
    except (KeyError, ValueError, TypeError, OSError):
        raise BadOperatingHours(
            f"operating_hours.timezone: {zone!r} is no time zone, such as Europe/Berlin.",
            details={"field": "operating_hours.timezone"},
        ) from None
    named = {str(key).lower(): value for key, value in written.items()}
    days = [day for day in DAYS if day in named]
    if not days:
        return None
    spans: list[tuple[int, int]] = []
    for day in days:
        begins = DAYS.index(day) * MINUTES_A_DAY
        try:
            spans += [(begins + start, begins + end) for start, end in _day(named[day])]
        except (ValueError, TypeError, KeyError, AttributeError):
            raise BadOperatingHours(
                f'operating_hours.{day}: write hours as "09:00-17:00", or null for a closed day.',
                details={"field": f"operating_hours.{day}"},
            ) from None
    return WeeklyHours(zone, tuple(spans))


def _day(written: Any) -> list[tuple[int, int]]:
    if written is None or written == "closed" or written is False:
        return []
    entries = written if isinstance(written, list) else [written]
    spans = []
    for entry in entries:
        if isinstance(entry, str):
            start, end = entry.split("-")
        else:
            start, end = entry["open"], entry["close"]
        first, last = _minutes(start), _minutes(end)
        if first == last:
            raise ValueError("a span without time")
        spans.append((first, last if last > first else last + MINUTES_A_DAY))
    return spans


def _minutes(written: str) -> int:
    found = _TIME.fullmatch(written.strip())
    if found is None:
        raise ValueError(written)
    minutes = int(found[1]) * 60 + int(found[2] or 0)
    if minutes > MINUTES_A_DAY:
        raise ValueError(written)
    return minutes
