"""Countries, states and cities: seen by anybody, changed by companies for themselves."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from libs.common.database import PLATFORM_TENANT
from libs.common.http import anonymous, errors
from libs.common.security import Caller, Scope
from services.auth.domain.geography import (
    MAX_ID,
    CityNotFound,
    CountryNotFound,
    PlaceExists,
    StateNotFound,
    TooManyPlaces,
)
from services.auth.endpoints.access import ClientAddress, use_cases_for, wiring_of
from services.auth.schemas.geography import (
    CitiesReply,
    CityChange,
    CityChangedReply,
    CityIn,
    CityOut,
    CountriesReply,
    CountryChange,
    CountryChangedReply,
    CountryIn,
    CountryReply,
    StateChange,
    StateChangedReply,
    StateIn,
    StateReply,
    StatesReply,
)
from services.auth.schemas.sessions import MessageReply
from services.auth.use_cases.browse_geography import BrowseGeography
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1", tags=["geography"])


async def _seen_by(
    request: Request, caller: Annotated[Caller | None, Depends(anonymous())]
) -> BrowseGeography:
    """Let everybody in; whoever is known sees their company's own places, too."""
    tenant_id = caller.tenant_id if caller is not None else PLATFORM_TENANT
    return BrowseGeography(tenant_id=tenant_id, unit_of_work=wiring_of(request).unit_of_work)


Anybody = Annotated[BrowseGeography, Depends(_seen_by)]
Adder = Annotated[CallerUseCases, Depends(use_cases_for(Scope.GEOGRAPHY_WRITE))]
Changer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.GEOGRAPHY_UPDATE))]
Id = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("/address-seed")
async def seed_places(use: Anybody) -> MessageReply:
    """Say how many countries there are; they come with the platform's installation."""
    found = await use.countries()
    return MessageReply(message=f"{len(found)} countries are in place, with states and cities.")


@router.get("/country")
async def list_countries(use: Anybody) -> CountriesReply:
    """Return all countries by name."""
    return CountriesReply.reply(await use.countries())


@router.post("/country", status_code=201, responses=errors(PlaceExists, TooManyPlaces))
async def add_country(body: CountryIn, use: Adder, address: ClientAddress) -> CountryChangedReply:
    """Add a country, for the caller's company only."""
    fields = body.model_dump()
    country = await use.companies.change_geography.country(fields, country_id=None, address=address)
    return CountryChangedReply.reply(country, "Country added.")


@router.get("/country/{country_id}", responses=errors(CountryNotFound))
async def show_country(country_id: Id, use: Anybody) -> CountryReply:
    """Return a country with its states."""
    return CountryReply.reply(*await use.country(country_id))


@router.patch(
    "/country/{country_id}", responses=errors(CountryNotFound, PlaceExists, TooManyPlaces)
)
async def change_country(
    country_id: Id, body: CountryChange, use: Changer, address: ClientAddress
) -> CountryChangedReply:
    """Change a country as the caller's company sees it; its id stays."""
    fields = body.given()
    country = await use.companies.change_geography.country(
        fields, country_id=country_id, address=address
    )
    return CountryChangedReply.reply(country, "Country changed.")


@router.get("/state/country/{country_id}", responses=errors(CountryNotFound))
async def list_states(country_id: Id, use: Anybody) -> StatesReply:
    """Return a country's states by name."""
    return StatesReply.reply((await use.country(country_id))[1])


@router.post(
    "/state", status_code=201, responses=errors(CountryNotFound, PlaceExists, TooManyPlaces)
)
async def add_state(body: StateIn, use: Adder, address: ClientAddress) -> StateChangedReply:
    """Add a state, for the caller's company only."""
    fields = body.model_dump()
    state = await use.companies.change_geography.state(fields, state_id=None, address=address)
    return StateChangedReply.reply(state, "State added.")


@router.get("/state/{state_id}", responses=errors(StateNotFound))
async def show_state(state_id: Id, use: Anybody) -> StateReply:
    """Return a state with its cities."""
    return StateReply.reply(*await use.state(state_id))


@router.patch(
    "/state/{state_id}",
    responses=errors(StateNotFound, CountryNotFound, PlaceExists, TooManyPlaces),
)
async def change_state(
    state_id: Id, body: StateChange, use: Changer, address: ClientAddress
) -> StateChangedReply:
    """Change a state as the caller's company sees it; its id stays."""
    fields = body.given()
    state = await use.companies.change_geography.state(fields, state_id=state_id, address=address)
    return StateChangedReply.reply(state, "State changed.")


@router.get("/city/state/{state_id}", responses=errors(StateNotFound))
async def list_cities(state_id: Id, use: Anybody) -> CitiesReply:
    """Return a state's cities by name."""
    return CitiesReply.reply((await use.state(state_id))[1])


@router.post("/city", status_code=201, responses=errors(StateNotFound, PlaceExists, TooManyPlaces))
async def add_city(body: CityIn, use: Adder, address: ClientAddress) -> CityChangedReply:
    """Add a city, for the caller's company only."""
    fields = body.model_dump()
    city = await use.companies.change_geography.city(fields, city_id=None, address=address)
    return CityChangedReply.reply(city, "City added.")


@router.get("/city/{city_id}", responses=errors(CityNotFound))
async def show_city(city_id: Id, use: Anybody) -> CityOut:
    """Return a city."""
    return CityOut.of(await use.city(city_id))


@router.patch(
    "/city/{city_id}", responses=errors(CityNotFound, StateNotFound, PlaceExists, TooManyPlaces)
)
async def change_city(
    city_id: Id, body: CityChange, use: Changer, address: ClientAddress
) -> CityChangedReply:
    """Change a city as the caller's company sees it; its id stays."""
    fields = body.given()
    city = await use.companies.change_geography.city(fields, city_id=city_id, address=address)
    return CityChangedReply.reply(city, "City changed.")
