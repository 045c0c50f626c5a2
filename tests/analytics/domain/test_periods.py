from datetime import UTC, datetime, timedelta

import pytest

from services.analytics.domain.errors import InvalidDateRange
from services.analytics.domain.periods import Period

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class TestBetween:
    def test_is_the_last_thirty_days_unless_told(self) -> None:
        assert Period.between(None, None, now=NOON) == Period(NOON - timedelta(days=30), NOON)

    def test_includes_a_plain_last_day(self) -> None:
        period = Period.between("2026-01-01", "2026-01-31", now=NOON)

        assert period.start == datetime(2026, 1, 1, tzinfo=UTC)
        assert period.end == datetime(2026, 2, 1, tzinfo=UTC)

    def test_keeps_zones(self) -> None:
        period = Period.between("2026-01-01T00:00:00+02:00", "2026-01-02T00:00:00Z", now=NOON)

        assert period.end - period.start == timedelta(hours=26)

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            ("yesterday", None),
            ("2026-02-30", None),
            ("2026-03-01", "2026-01-01"),
            ("2020-01-01", None),
            ("9999-12-31", "9999-12-31"),
            ("", "2026-99-99"),
        ],
    )
    def test_refuses_what_is_no_range(self, start: str, end: str | None) -> None:
        with pytest.raises(InvalidDateRange):
            Period.between(start, end, now=NOON)
