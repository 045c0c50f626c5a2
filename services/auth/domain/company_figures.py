"""What other services count of a company, in auth's words."""

from typing import Protocol
from uuid import UUID


class CompanyFigures(Protocol):
    """Counts what auth does not have itself."""

    async def of(self, company_id: UUID, *, days: int) -> dict[str, int]:
        """Return how many things of each kind a company has, and what happened in some days.

        Raises:
            Unavailable: Who counts them is out of reach.
        """
        ...
