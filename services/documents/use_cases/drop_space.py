"""Giving up the embedding space that is not searched any more."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from services.documents.domain.errors import SpaceNotKept
from services.documents.domain.moves import Place, TwoModels
from services.documents.domain.reconciling import VectorInventory
from services.documents.repositories.unit_of_work import OpenUnitOfWork
from services.documents.use_cases.moving_agents import FindMovingAgents

BATCH_SIZE: Final = 100
# Processes believe for two seconds what is live.
SETTLE_SECONDS: Final = 30.0


@dataclass(frozen=True, kw_only=True)
class DropSpace:
    """Delete a tenant's vectors from the space that is not live, and keep it no more."""

    tenant_id: UUID
    unit_of_work: OpenUnitOfWork
    models: TwoModels
    moving_agents: FindMovingAgents
    inventory: VectorInventory
    settle_seconds: float = SETTLE_SECONDS

    async def __call__(self, *, back: bool = False) -> int:
        """Give up the first space, or the second one; return how many documents were taken out.

        Running it again goes on after a stop. Vectors of agents that have chosen the same model
        themselves stay.

        Args:
            back: Give up the second space, and with it the move.

        Raises:
            SpaceNotKept: It is searched still, or was a moment ago.
            AgentsUnavailable: The agents service does not answer.
            VectorStoreUnavailable: The store is out of reach; running again goes on.
        """
        dropped = (self.models.second if back else self.models.first).space
        kept = await self.moving_agents.with_own(dropped)
        async with self.unit_of_work() as uow:
            place, since = await uow.moves.held(alone=True)
            live = self.models.live(place).space
            # A tenant that nobody has flipped would lose what it is to move to.
            if live == dropped:
                raise SpaceNotKept(f"{dropped.name} is searched still. Flip first.")
            if place is None or not place.ended:
                still = timedelta(seconds=self.settle_seconds)
                if since is not None and datetime.now(UTC) - since < still:
                    raise SpaceNotKept(
                        f"{dropped.name} was searched a moment ago. Try again in a minute."
                    )
                await uow.moves.note(Place(live=live.name, ended=True))
            await uow.moves.swap(live=live, other=dropped)
        label = self.inventory.label(dropped)
        count = 0
        while True:
            async with self.unit_of_work() as uow:
                batch = await uow.moves.in_second(dropped, kept=kept, limit=BATCH_SIZE)
            if not batch:
                return count
            points = await self.inventory.points_of(self.tenant_id, batch)
            await self.inventory.delete(
                self.tenant_id, [point for point in points if point.space == label]
            )
            async with self.unit_of_work() as uow:
                await uow.moves.note_left(batch, dropped)
            count += len(batch)
