"""A company adds places of its own, or changes for itself what the platform says of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from libs.common.errors import NotFound
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.geography import (
    CityNotFound,
    CountryNotFound,
    PlaceExists,
    StateNotFound,
)
from services.auth.models.geography import City, Country, State
from services.auth.repositories.geography import Places
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork

P = TypeVar("P", Country, State, City)


@dataclass(frozen=True, kw_only=True)
class ChangeGeography:
    """Add a place, or change one; a shared place gets an own row of the same id.

    Fields that are not given stay as they are. Names are told apart whatever their case.
    """

    caller: Caller
    unit_of_work: OpenUnitOfWork
    clock: Clock = utc_now

    async def country(
        self, fields: Mapping[str, object], *, country_id: int | None, address: str | None
    ) -> Country:
        """Add or change a country; raises `CountryNotFound` or `PlaceExists`."""
        async with self._writing() as uow:
            place = await _found(uow.countries, country_id, CountryNotFound)
            place = await _changed(uow.countries, place, Country, fields)
            if await uow.countries.named(place.name, but=place.id):
                raise PlaceExists
            await self._record(uow, "country", place.id, fields, address=address)
            return place

    async def state(
        self, fields: Mapping[str, object], *, state_id: int | None, address: str | None
    ) -> State:
        """Add or change a state; raises `CountryNotFound`, `StateNotFound` or `PlaceExists`."""
        async with self._writing() as uow:
            place = await _found(uow.states, state_id, StateNotFound)
            place = await _changed(uow.states, place, State, fields)
            if await uow.countries.get(place.country_id) is None:
                raise CountryNotFound
            beside = State.country_id == place.country_id
            if await uow.states.named(place.name, beside, but=place.id):
                raise PlaceExists
            await self._record(uow, "state", place.id, fields, address=address)
            return place

    async def city(
        self, fields: Mapping[str, object], *, city_id: int | None, address: str | None
    ) -> City:
        """Add or change a city; raises `StateNotFound`, `CityNotFound` or `PlaceExists`."""
        async with self._writing() as uow:
            place = await _found(uow.cities, city_id, CityNotFound)
            place = await _changed(uow.cities, place, City, fields)
            if await uow.states.get(place.state_id) is None:
                raise StateNotFound
            beside = City.state_id == place.state_id
            # GeoNames itself has towns of one name in one state: those may keep it.
            renamed = city_id is None or fields.keys() & {"name", "state_id"}
            if renamed and await uow.cities.named(place.name, beside, but=place.id):
                raise PlaceExists
            await self._record(uow, "city", place.id, fields, address=address)
            return place

    def _writing(self) -> AuthUnitOfWork:
        return self.unit_of_work(self.caller.tenant_id)

    async def _record(
        self,
        uow: AuthUnitOfWork,
        kind: str,
        place_id: int,
        fields: Mapping[str, object],
        *,
        address: str | None,
    ) -> None:
        await uow.audit.append(
            by(
                self.caller,
                AuditEvent.PLACE_CHANGED,
                f"A {kind} was added or changed for the company.",
                entity=(kind, None),
                risk=Risk.LOW,
                address=address,
                details={"id": place_id, "after": dict(fields)},
            ),
            now=self.clock(),
        )


async def _found(places: Places[P], place_id: int | None, missing: type[NotFound]) -> P | None:
    if place_id is None:
        return None
    place = await places.get(place_id)
    if place is None:
        raise missing
    return place


async def _changed(
    places: Places[P], place: P | None, model: type[P], fields: Mapping[str, object]
) -> P:
    """Return the company's own row with these fields, written so that its name is checked."""
    if place is None:
        place = model(**fields)
        await places.add(place)
        return place
    place = await places.own(place)
    for name, value in fields.items():
        setattr(place, name, value)
    await places.flush()
    return place
