"""Filling a second embedding space beside the one that is searched."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from services.documents.domain.jobs import FillVectors
from services.documents.domain.moves import Filling, Place, TwoModels
from services.documents.repositories.unit_of_work import OpenUnitOfWork
from services.documents.use_cases.moving_agents import FindMovingAgents

BATCH_SIZE: Final = 500


@dataclass(frozen=True, kw_only=True)
class TellFilling:
    """Tell how far a tenant is."""

    unit_of_work: OpenUnitOfWork
    models: TwoModels
    moving_agents: FindMovingAgents

    async def __call__(self) -> Filling:
        """Return what is live, and what is left to do.

        Raises:
            AgentsUnavailable: The agents service does not answer.
        """
        agents = await self.moving_agents()
        async with self.unit_of_work() as uow:
            place, _ = await uow.moves.held()
            documents, lacking = await uow.moves.count(agents, self.models.names)
        return Filling(
            live=self.models.live(place).space.name,
            other=self.models.other(place).space.name,
            ended=place is not None and place.ended,
            documents=documents,
            lacking=lacking,
        )


@dataclass(frozen=True, kw_only=True)
class FillSpace:
    """Queue what is in one space only; what comes in from now on is written to both."""

    unit_of_work: OpenUnitOfWork
    models: TwoModels
    moving_agents: FindMovingAgents

    async def __call__(self) -> int:
        """Return how many documents were queued. Running it again queues what is left.

        Raises:
            AgentsUnavailable: The agents service does not answer.
        """
        agents = await self.moving_agents()
        async with self.unit_of_work() as uow:
            place, _ = await uow.moves.held(alone=True)
            # One may stand where an earlier move has left it.
            if place is None or place.ended or place.live not in self.models.names:
                await uow.moves.note(Place(live=self.models.live(place).space.name, ended=False))
        queued = 0
        after: UUID | None = None
        while True:
            async with self.unit_of_work() as uow:
                batch = await uow.moves.lacking(
                    agents, self.models.names, after=after, limit=BATCH_SIZE
                )
                for document_id, version in batch:
                    uow.jobs.add(FillVectors(document_id=document_id, version=version, beside=True))
            if not batch:
                return queued
            queued += len(batch)
            after = batch[-1][0]
