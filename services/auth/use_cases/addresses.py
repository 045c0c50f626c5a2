"""Where a company is: shown, and added to."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.common.crypto import Cipher, KeyRing
from libs.common.security import Caller
from services.auth.domain.audit import AuditEvent, Risk, by
from services.auth.domain.clock import Clock, utc_now
from services.auth.domain.errors import CompanyNotFound
from services.auth.domain.geography import (
    ADDRESS_PURPOSE,
    MAX_ADDRESSES,
    CityNotFound,
    CountryNotFound,
    Door,
    PlacesApart,
    StateNotFound,
    TooManyPlaces,
    own_id,
)
from services.auth.models.addresses import Address
from services.auth.models.geography import City, Country, State
from services.auth.repositories.unit_of_work import AuthUnitOfWork, OpenUnitOfWork


@dataclass(frozen=True, kw_only=True)
class FullAddress:
    """An address with the places it names; one that is gone by now is None."""

    address: Address
    door: Door
    city: City | None
    state: State | None
    country: Country | None


@dataclass(frozen=True, kw_only=True)
class ListAddresses:
    """Return the company's addresses, the primary one first."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    key_ring: KeyRing

    async def __call__(self) -> Sequence[FullAddress]:
        # Its key is fetched on first use, by a connection of its own.
        cipher = await self.key_ring.cipher(self.caller.tenant_id, ADDRESS_PURPOSE)
        async with self.unit_of_work(self.caller.tenant_id, read_only=True) as uow:
            return [
                await full_address(uow, address, cipher) for address in await uow.addresses.all()
            ]


@dataclass(frozen=True, kw_only=True)
class AddAddress:
    """Add an address; the first one is the primary one in any case."""

    caller: Caller
    unit_of_work: OpenUnitOfWork
    key_ring: KeyRing
    clock: Clock = utc_now

    async def __call__(
        self,
        door: Door,
        *,
        country_id: int,
        state_id: int,
        city_id: int,
        is_primary: bool,
        address: str | None,
    ) -> FullAddress:
        """Return it with its places.

        Raises:
            CountryNotFound: Or StateNotFound, CityNotFound: the company sees no such place.
            PlacesApart: They do not lie in one another.
            TooManyPlaces: The company has as many as it may.
        """
        now = self.clock()
        cipher = await self.key_ring.cipher(self.caller.tenant_id, ADDRESS_PURPOSE)
        async with self.unit_of_work(self.caller.tenant_id) as uow:
            if await uow.tenant.get(locked=True) is None:
                raise CompanyNotFound
            await _check(uow, country_id, state_id, city_id)
            before = await uow.addresses.count()
            if before >= MAX_ADDRESSES:
                raise TooManyPlaces
            new_id = own_id()
            added = Address(
                id=new_id,
                country_id=country_id,
                state_id=state_id,
                city_id=city_id,
                is_primary=is_primary or not before,
                sealed=cipher.encrypt(
                    door.as_bytes(), table="addresses", column="sealed", row=str(new_id)
                ),
                created_at=now,
                updated_at=now,
            )
            await uow.addresses.add(added)
            await uow.audit.append(
                by(
                    self.caller,
                    AuditEvent.ADDRESS_ADDED,
                    "Address added.",
                    entity=("address", None),
                    risk=Risk.LOW,
                    address=address,
                    details={"id": new_id, "city_id": city_id},
                ),
                now=now,
            )
            return await full_address(uow, added, cipher)


async def _check(uow: AuthUnitOfWork, country_id: int, state_id: int, city_id: int) -> None:
    if await uow.countries.get(country_id) is None:
        raise CountryNotFound
    state = await uow.states.get(state_id)
    if state is None:
        raise StateNotFound
    city = await uow.cities.get(city_id)
    if city is None:
        raise CityNotFound
    if state.country_id != country_id or city.state_id != state_id:
        raise PlacesApart


async def full_address(uow: AuthUnitOfWork, address: Address, cipher: Cipher) -> FullAddress:
    """Open an address, and find the places it names."""
    content = cipher.decrypt(
        address.sealed, table="addresses", column="sealed", row=str(address.id)
    )
    return FullAddress(
        address=address,
        door=Door.from_bytes(content),
        city=await uow.cities.get(address.city_id),
        state=await uow.states.get(address.state_id),
        country=await uow.countries.get(address.country_id),
    )
