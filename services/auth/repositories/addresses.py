"""A company's addresses."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.auth.models.addresses import Address


class AddressRepository:
    """Reads and writes one company's addresses."""

    def __init__(self, session: AsyncSession, tenant_id: UUID) -> None:
        self.session = session
        self.tenant_id = tenant_id

    async def all(self) -> Sequence[Address]:
        """Return the addresses, the primary one first, then the oldest."""
        query = (
            select(Address)
            .where(Address.tenant_id == self.tenant_id)
            .order_by(Address.is_primary.desc(), Address.created_at, Address.id)
        )
        return (await self.session.scalars(query)).all()

    async def count(self) -> int:
        """Count the addresses."""
        query = select(func.count()).where(Address.tenant_id == self.tenant_id)
        return await self.session.scalar(query) or 0

    async def primary(self) -> Address | None:
        """Return where the company says it is."""
        query = select(Address).where(Address.tenant_id == self.tenant_id, Address.is_primary)
        found: Address | None = await self.session.scalar(query)
        return found

    async def make_primary(self, address_id: int) -> bool:
        """Let an address be where the company says it is; False when it has no such address.

        The company's row must be locked, or two might become primary at once.
        """
        own = select(Address.id).where(
            Address.tenant_id == self.tenant_id, Address.id == address_id
        )
        if await self.session.scalar(own) is None:
            return False
        # The one before first: there is room for one only.
        for primary in (False, True):
            await self.session.execute(
                update(Address)
                .where(
                    Address.tenant_id == self.tenant_id,
                    (Address.id == address_id) if primary else Address.is_primary,
                )
                .values(is_primary=primary)
            )
        return True

    async def add(self, address: Address) -> None:
        """Store an address; a new primary one takes the place of the one before.

        The company's row must be locked, or two might become primary at once.
        """
        if address.is_primary:
            await self.session.execute(
                update(Address)
                .where(Address.tenant_id == self.tenant_id, Address.is_primary)
                .values(is_primary=False)
            )
        address.tenant_id = self.tenant_id
        self.session.add(address)
        await self.session.flush()
