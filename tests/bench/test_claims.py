"""The flags on claims that the cited source does not carry are right, and few are missing."""

from bench.claims import measure


def test_precision_and_recall() -> None:
    flags = measure()
    assert flags.precision >= 0.95, flags.wrongly
    assert flags.recall >= 0.95, flags.missed
