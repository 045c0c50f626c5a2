"""Hours, languages, length and citations, as an agent has them."""

from datetime import UTC, datetime

import pytest

from services.conversations.domain.behaviour import Behaviour, Hours

NINE_TO_FIVE = Hours("Europe/Berlin", [(9 * 60, 17 * 60)])
NIGHT = Hours("UTC", [(6 * 1440 + 22 * 60, 6 * 1440 + 26 * 60)])


class TestHours:
    @pytest.mark.parametrize(
        ("at", "is_open"),
        [
            # Mondays; Berlin is an hour ahead in winter and two in summer.
            (datetime(2026, 1, 5, 8, 0, tzinfo=UTC), True),
            (datetime(2026, 1, 5, 7, 59, tzinfo=UTC), False),
            (datetime(2026, 7, 6, 7, 0, tzinfo=UTC), True),
            (datetime(2026, 7, 6, 15, 0, tzinfo=UTC), False),
            (datetime(2026, 1, 6, 10, 0, tzinfo=UTC), False),
        ],
    )
    def test_follow_the_zone(self, at: datetime, is_open: bool) -> None:
        assert NINE_TO_FIVE.is_open(at) is is_open

    def test_may_run_into_the_next_week(self) -> None:
        assert NIGHT.is_open(datetime(2026, 1, 5, 1, 30, tzinfo=UTC))
        assert not NIGHT.is_open(datetime(2026, 1, 5, 2, 0, tzinfo=UTC))

    def test_open_next_by_the_clock_on_the_wall(self) -> None:
        # The Monday after Germany changes to summer time.
        back = NINE_TO_FIVE.opens_next(datetime(2026, 3, 27, 20, 0, tzinfo=UTC))
        assert back is not None
        assert back.isoformat() == "2026-03-30T09:00:00+02:00"

    def test_never_open_without_spans(self) -> None:
        closed = Hours("UTC", [])
        assert not closed.is_open(datetime(2026, 1, 5, tzinfo=UTC))
        assert closed.opens_next(datetime(2026, 1, 5, tzinfo=UTC)) is None


class TestBehaviour:
    def test_says_when_it_is_back(self) -> None:
        behaviour = Behaviour(says_when_closed=True, hours=NINE_TO_FIVE, closed_message="Zzz.")
        night = datetime(2026, 1, 3, 22, 0, tzinfo=UTC)
        assert behaviour.closed(night) == (
            "Zzz. We are back on Monday, 2026-01-05, at 09:00 (Europe/Berlin)."
        )
        assert behaviour.closed(datetime(2026, 1, 5, 9, 0, tzinfo=UTC)) is None
        assert Behaviour(hours=NINE_TO_FIVE).closed(night) is None

    @pytest.mark.parametrize(
        ("style", "text"),
        [
            ("sources", "Yes [Source 1], and no [Source 12]."),
            ("numbers", "Yes [1], and no [12]."),
            ("none", "Yes, and no."),
        ],
    )
    def test_styles_citations(self, style: str, text: str) -> None:
        told = "Yes [Source 1], and no [Source 12]."
        assert Behaviour(citation_style=style).styled(told) == text

    def test_bounds_the_length(self) -> None:
        assert Behaviour(max_words=100).max_tokens(1000) == 300
        assert Behaviour(max_words=100).max_tokens(50) == 50
        assert Behaviour().max_tokens(1000) == 1000
