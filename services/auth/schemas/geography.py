"""The shapes of countries, states and cities.

Clients read `iso2` or `iso_code`, and lists under a name of their own or `data`; nested lists
under both the singular and the plural.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, StringConstraints, model_validator

from services.auth.domain.geography import MAX_ID
from services.auth.models.geography import City, Country, Place, State

PlaceId = Annotated[int, Field(ge=1, le=MAX_ID)]
PlaceName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
IsoCode = Annotated[
    str, StringConstraints(strip_whitespace=True, to_upper=True, pattern="^[A-Za-z]{2,3}$")
]
Prefix = Annotated[str, StringConstraints(strip_whitespace=True, max_length=10)]


class _PlaceOut(BaseModel):
    id: int
    name: str

    @classmethod
    def of(cls, place: Place, **more: object) -> Self:
        """Show a place, with what else a reply holds."""
        stored = {name: getattr(place, name) for name in cls.model_fields if name not in more}
        return cls.model_validate({**stored, **more})


class CountryOut(_PlaceOut):
    """A country."""

    iso2: str | None
    iso_code: str | None


class StateOut(_PlaceOut):
    """A state, province or the like."""

    state_code: str | None
    country_id: int


class CityOut(_PlaceOut):
    """A city or town."""

    state_id: int
    postal_code_prefix: str | None


class CountriesReply(BaseModel):
    """All countries by name."""

    countries: list[CountryOut]
    data: list[CountryOut]

    @classmethod
    def reply(cls, countries: Sequence[Country]) -> Self:
        """Show countries."""
        shown = [CountryOut.of(country) for country in countries]
        return cls(countries=shown, data=shown)


class CountryReply(CountryOut):
    """A country with its states."""

    state: list[StateOut]
    states: list[StateOut]

    @classmethod
    def reply(cls, country: Country, states: Sequence[State]) -> Self:
        """Show a country."""
        shown = [StateOut.of(state) for state in states]
        return cls.of(country, state=shown, states=shown)


class StatesReply(BaseModel):
    """A country's states by name."""

    states: list[StateOut]
    data: list[StateOut]

    @classmethod
    def reply(cls, states: Sequence[State]) -> Self:
        """Show states."""
        shown = [StateOut.of(state) for state in states]
        return cls(states=shown, data=shown)


class StateReply(StateOut):
    """A state with its cities."""

    city: list[CityOut]
    cities: list[CityOut]

    @classmethod
    def reply(cls, state: State, cities: Sequence[City]) -> Self:
        """Show a state."""
        shown = [CityOut.of(city) for city in cities]
        return cls.of(state, city=shown, cities=shown)


class CitiesReply(BaseModel):
    """A state's cities by name."""

    cities: list[CityOut]
    data: list[CityOut]

    @classmethod
    def reply(cls, cities: Sequence[City]) -> Self:
        """Show cities."""
        shown = [CityOut.of(city) for city in cities]
        return cls(cities=shown, data=shown)


class CountryIn(BaseModel):
    """A country that the platform does not know."""

    name: PlaceName
    iso_code: IsoCode | None = None


class StateIn(BaseModel):
    """A state that the platform does not know."""

    name: PlaceName
    country_id: PlaceId


class CityIn(BaseModel):
    """A city that the platform does not know."""

    name: PlaceName
    state_id: PlaceId
    postal_code_prefix: Prefix | None = None


class _Change(BaseModel):
    """What changes; a field that is left out, or null, stays."""

    def given(self) -> dict[str, Any]:
        """Return what changes."""
        return self.model_dump(exclude_none=True)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.given():
            raise ValueError("say what should change")
        return self


class CountryChange(_Change):
    """A country as the company sees it from now on."""

    name: PlaceName | None = None
    iso_code: IsoCode | None = None


class StateChange(_Change):
    """A state as the company sees it from now on."""

    name: PlaceName | None = None
    country_id: PlaceId | None = None


class CityChange(_Change):
    """A city as the company sees it from now on."""

    name: PlaceName | None = None
    state_id: PlaceId | None = None
    postal_code_prefix: Prefix | None = None


class CountryChangedReply(CountryOut):
    """A country after a change: flat, and as `country`."""

    message: str
    country: CountryOut

    @classmethod
    def reply(cls, country: Country, message: str) -> Self:
        """Show the country."""
        return cls.of(country, message=message, country=CountryOut.of(country))


class StateChangedReply(StateOut):
    """A state after a change: flat, and as `state`."""

    message: str
    state: StateOut

    @classmethod
    def reply(cls, state: State, message: str) -> Self:
        """Show the state."""
        return cls.of(state, message=message, state=StateOut.of(state))


class CityChangedReply(CityOut):
    """A city after a change: flat, and as `city`."""

    message: str
    city: CityOut

    @classmethod
    def reply(cls, city: City, message: str) -> Self:
        """Show the city."""
        return cls.of(city, message=message, city=CityOut.of(city))
