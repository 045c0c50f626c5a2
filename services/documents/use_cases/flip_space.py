"""Searching the other embedding space instead of the live one, and back."""

from dataclasses import dataclass

from services.documents.domain.errors import SpaceNotFull, SpaceNotKept
from services.documents.domain.moves import Place, TwoModels
from services.documents.repositories.unit_of_work import OpenUnitOfWork
from services.documents.use_cases.moving_agents import FindMovingAgents


@dataclass(frozen=True, kw_only=True)
class FlipSpace:
    """Make one of the platform's two spaces the one that a tenant is searched in."""

    unit_of_work: OpenUnitOfWork
    models: TwoModels
    moving_agents: FindMovingAgents

    async def __call__(self, *, back: bool = False) -> bool:
        """Flip to the second space, or back to the first; return whether that changed anything.

        All or nothing, in one transaction, in which no document is shown. Processes search the
        old space for two seconds more; it stays full.

        Raises:
            SpaceNotFull: A document would not be found any more.
            SpaceNotKept: The move has ended.
            AgentsUnavailable: The agents service does not answer.
        """
        agents = await self.moving_agents()
        wanted = self.models.first if back else self.models.second
        async with self.unit_of_work() as uow:
            place, _ = await uow.moves.held(alone=True)
            other = self.models.live(place)
            if other is wanted:
                return False
            if place is not None and place.ended:
                raise SpaceNotKept
            _, lacking = await uow.moves.count(agents, self.models.names)
            if lacking:
                raise SpaceNotFull(
                    f"{lacking} documents are not in {wanted.space.name} yet. Fill it first."
                )
            await uow.moves.note(Place(live=wanted.space.name, ended=False))
            await uow.moves.swap(live=wanted.space, other=other.space)
        return True
