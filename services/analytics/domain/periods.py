"""The span of time that a report covers."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from services.analytics.domain.errors import InvalidDateRange

DEFAULT_DAYS = 30
MAX_DAYS = 366


@dataclass(frozen=True)
class Period:
    """From `start` up to, but not including, `end`; both with their zone."""

    start: datetime
    end: datetime

    @classmethod
    def last_days(cls, days: int, *, now: datetime) -> "Period":
        """The last `days` days up to this moment."""
        return cls(now - timedelta(days=days), now)

    @classmethod
    def between(cls, start: str | None, end: str | None, *, now: datetime) -> "Period":
        """Read a range as clients write it: ISO 8601 dates or times, either of which may lack.

        A plain date at the end includes that day.

        Raises:
            InvalidDateRange: It cannot be read, runs backwards or spans more than a year.
        """
        until = _moment(end, end_of_day=True) if end else now
        since = _moment(start) if start else until - timedelta(days=DEFAULT_DAYS)
        if not since < until or until - since > timedelta(days=MAX_DAYS):
            raise InvalidDateRange
        return cls(since, until)


def _moment(text: str, *, end_of_day: bool = False) -> datetime:
    try:
        if len(text) == len("2026-01-31"):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return day + timedelta(days=1) if end_of_day else day
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidDateRange from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
