"""Rate limits of a company's own."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from libs.common.rate_limits import Rate
from services.auth.domain.errors import InvalidRate, RateTooHigh


class LimitSource(StrEnum):
    """Who has set a limit; of two for one class the stricter one counts."""

    TENANT = "tenant"
    PLATFORM = "platform"


def read_rates(texts: Mapping[str, str]) -> dict[str, Rate]:
    """Read rates as people write them.

    Raises:
        InvalidRate: One of them is none.
    """
    try:
        return {name: Rate.parse(text) for name, text in texts.items()}
    except ValueError as error:
        raise InvalidRate from error


def strictest(rates: Iterable[tuple[str, Rate]]) -> dict[str, Rate]:
    """Return the rate of each class, the lower one where there are two."""
    found: dict[str, Rate] = {}
    for name, rate in rates:
        known = found.get(name)
        if known is None or rate.limit / rate.per_seconds < known.limit / known.per_seconds:
            found[name] = rate
    return found


def check_narrower(rates: Mapping[str, Rate], *, platform: Mapping[str, Rate]) -> None:
    """Refuse what lets more through, or more at once, than the platform does.

    Raises:
        RateTooHigh: One of them does; names the class.
    """
    for name, rate in rates.items():
        whole = platform[name]
        if (
            rate.limit > whole.limit
            or rate.limit / rate.per_seconds > whole.limit / whole.per_seconds
        ):
            raise RateTooHigh(details={"class": name, "limit": str(whole)})
