"""Countries, states and cities, as anybody or as a company sees them."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.auth.domain.geography import CityNotFound, CountryNotFound, StateNotFound
from services.auth.models.geography import City, Country, State
from services.auth.repositories.unit_of_work import OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class BrowseGeography:
    """Reads places in one transaction each; `tenant_id` is the platform's for strangers."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork

    async def countries(self) -> Sequence[Country]:
        """Return all countries by name."""
        async with self.unit_of_work(self.tenant_id, read_only=True) as uow:
            return await uow.countries.all()

    async def country(self, country_id: int) -> tuple[Country, Sequence[State]]:
        """Return a country with its states; raises `CountryNotFound`."""
        async with self.unit_of_work(self.tenant_id, read_only=True) as uow:
            country = await uow.countries.get(country_id)
            if country is None:
                raise CountryNotFound
            return country, await uow.states.all(State.country_id == country_id)

    async def state(self, state_id: int) -> tuple[State, Sequence[City]]:
        """Return a state with its cities; raises `StateNotFound`."""
        async with self.unit_of_work(self.tenant_id, read_only=True) as uow:
            state = await uow.states.get(state_id)
            if state is None:
                raise StateNotFound
            return state, await uow.cities.all(City.state_id == state_id)

    async def city(self, city_id: int) -> City:
        """Return a city; raises `CityNotFound`."""
        async with self.unit_of_work(self.tenant_id, read_only=True) as uow:
            city = await uow.cities.get(city_id)
        if city is None:
            raise CityNotFound
        return city
