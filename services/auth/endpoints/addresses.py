"""Where a company is."""

from typing import Annotated

from fastapi import APIRouter, Depends

from libs.common.http import errors
from libs.common.security import Scope
from services.auth.domain.geography import (
    CityNotFound,
    CountryNotFound,
    PlacesApart,
    StateNotFound,
    TooManyPlaces,
)
from services.auth.endpoints.access import ClientAddress, use_cases_for
from services.auth.schemas.addresses import AddressesReply, AddressIn, AddressReply
from services.auth.wiring import CallerUseCases

router = APIRouter(prefix="/api/v1/address", tags=["geography"])

Reader = Annotated[CallerUseCases, Depends(use_cases_for(Scope.ADDRESSES_READ))]
Writer = Annotated[CallerUseCases, Depends(use_cases_for(Scope.ADDRESSES_WRITE))]


@router.get("")
async def list_addresses(use: Reader) -> AddressesReply:
    """Return the company's addresses, the primary one first."""
    return AddressesReply.reply(await use.companies.list_addresses())


@router.post(
    "",
    status_code=201,
    responses=errors(CountryNotFound, StateNotFound, CityNotFound, PlacesApart, TooManyPlaces),
)
async def add_address(body: AddressIn, use: Writer, address: ClientAddress) -> AddressReply:
    """Add an address of the company; street, postal code and coordinates are kept encrypted."""
    added = await use.companies.add_address(
        body.door(),
        country_id=body.country_id,
        state_id=body.state_id,
        city_id=body.city_id,
        is_primary=body.is_primary,
        address=address,
    )
    return AddressReply.reply(added)
