"""Places and addresses: ids, and what is told when they cannot be had."""

import secrets
from dataclasses import asdict, dataclass
from typing import Final

import orjson

from libs.common.errors import Conflict, Invalid, NotFound

ADDRESS_PURPOSE: Final = "addresses"
MAX_ID: Final = 2**53 - 1
# Of one company; all of them are shown at once.
MAX_ADDRESSES: Final = 100
MAX_OWN_PLACES: Final = 1000
# GeoNames counts from one and is at thirteen million; JavaScript counts to MAX_ID.
_OWN_IDS_FROM: Final = 10**12


def own_id() -> int:
    """Return an id for what a company adds: no shared row ever has it, and nobody guesses it."""
    return _OWN_IDS_FROM + secrets.randbelow(MAX_ID - _OWN_IDS_FROM)


@dataclass(frozen=True, kw_only=True)
class Door:
    """What leads to a door: personal data."""

    street_address: str
    postal_code: str | None
    latitude: float | None
    longitude: float | None

    def as_bytes(self) -> bytes:
        """Return it as it is encrypted."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_bytes(cls, content: bytes) -> "Door":
        """Read what was encrypted."""
        return cls(**orjson.loads(content))


class CountryNotFound(NotFound):
    """Neither the platform nor the company has it."""

    code = "country_not_found"
    message = "There is no such country."


class StateNotFound(NotFound):
    """Neither the platform nor the company has it."""

    code = "state_not_found"
    message = "There is no such state."


class AddressNotFound(NotFound):
    """The company has no such address."""

    code = "address_not_found"
    message = "There is no such address."


class CityNotFound(NotFound):
    """Neither the platform nor the company has it."""

    code = "city_not_found"
    message = "There is no such city."


class PlaceExists(Conflict):
    """It would be there twice."""

    code = "place_exists"
    message = "There is one of this name already."


class TooManyPlaces(Conflict):
    """There is a bound on what a company keeps here."""

    code = "too_many_places"
    message = "A company may have 100 addresses, and 1000 places of each kind of its own."


class PlacesApart(Invalid):
    """City, state and country do not lie in one another."""

    code = "places_apart"
    message = "The city is not in this state, or the state is not in this country."
