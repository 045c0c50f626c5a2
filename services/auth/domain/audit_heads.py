"""Where a trail ended at a moment, signed and kept outside the database.

A chain alone shows what was changed within it. Whoever may write to the whole database can also
cut its end off, or write all of it anew; not so what was said of it elsewhere, under a key that
the database does not have.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class AuditHead:
    """The last entry of a tenant's trail; their number is also how many there are."""

    tenant_id: UUID
    sequence: int
    hash: bytes


@dataclass(frozen=True, kw_only=True)
class SignedHead(AuditHead):
    """A head as it was signed."""

    signed_at: datetime


class HeadStoreUnavailable(Exception):
    """The object store is out of reach; says why."""


class HeadRefused(HeadStoreUnavailable):
    """What is kept as a head is not believed; says which."""


class HeadStore(Protocol):
    """Keeps signed heads: every one that there was, for as long as the store retains it."""

    async def put(self, head: SignedHead) -> None:
        """Keep a head as the tenant's latest.

        Raises:
            HeadStoreUnavailable: It is not kept, or what is kept is not believed.
        """
        ...

    async def latest(self, tenant_id: UUID) -> SignedHead | None:
        """Return the head that was kept last; None where none was. Raises what `put` does."""
        ...

    async def sequences(self, tenant_id: UUID) -> list[int]:
        """Return the places of all heads that are kept, ascending; raises what `put` does."""
        ...

    async def at(self, tenant_id: UUID, sequence: int) -> SignedHead:
        """Return the head of a place; raises what `put` does, also when there is none."""
        ...

    async def tenants(self) -> list[UUID]:
        """Return all tenants of whose trail a head is kept; raises what `put` does."""
        ...
