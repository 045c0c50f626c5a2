"""The shapes of addresses. The contract calls the longitude `lan`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, Field, StringConstraints

from services.auth.domain.geography import Door
from services.auth.schemas.geography import CityOut, CountryOut, PlaceId, StateOut
from services.auth.use_cases.addresses import FullAddress

Street = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
PostalCode = Annotated[str, StringConstraints(strip_whitespace=True, max_length=20)]


class AddressIn(BaseModel):
    """An address of the company."""

    street_address: Street
    city_id: PlaceId
    state_id: PlaceId
    country_id: PlaceId
    lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    lan: Annotated[float, Field(ge=-180, le=180)] | None = None
    postal_code: PostalCode | None = None
    is_primary: bool = False

    def door(self) -> Door:
        """Return what is personal of it."""
        return Door(
            street_address=self.street_address,
            postal_code=self.postal_code,
            latitude=self.lat,
            longitude=self.lan,
        )


class AddressOut(BaseModel):
    """An address with its places."""

    id: int
    street_address: str
    postal_code: str | None
    lat: float | None
    lan: float | None
    is_primary: bool
    city_id: int
    state_id: int
    country_id: int
    city: CityOut | None
    state: StateOut | None
    country: CountryOut | None
    created_at: datetime

    @classmethod
    def of(cls, full: FullAddress) -> Self:
        """Show an address."""
        address, door = full.address, full.door
        return cls(
            id=address.id,
            street_address=door.street_address,
            postal_code=door.postal_code,
            lat=door.latitude,
            lan=door.longitude,
            is_primary=address.is_primary,
            city_id=address.city_id,
            state_id=address.state_id,
            country_id=address.country_id,
            city=CityOut.of(full.city) if full.city else None,
            state=StateOut.of(full.state) if full.state else None,
            country=CountryOut.of(full.country) if full.country else None,
            created_at=address.created_at,
        )


class AddressReply(AddressOut):
    """The new address: flat, and as `address`."""

    message: str
    address: AddressOut

    @classmethod
    def reply(cls, full: FullAddress) -> Self:
        """Show the new address."""
        shown = AddressOut.of(full)
        return cls(**shown.model_dump(), message="Address added.", address=shown)


class AddressesReply(BaseModel):
    """The company's addresses, the primary one first."""

    addresses: list[AddressOut]
    address: list[AddressOut]
    data: list[AddressOut]

    @classmethod
    def reply(cls, found: Sequence[FullAddress]) -> Self:
        """Show addresses."""
        shown = [AddressOut.of(full) for full in found]
        return cls(addresses=shown, address=shown, data=shown)
