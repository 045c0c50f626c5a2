"""Agents on the platform's model, while the platform moves from one model to another."""

import time
from collections import OrderedDict
from dataclasses import replace
from typing import Final
from uuid import UUID

from services.documents.domain.moves import Place, Places, TwoModels
from services.documents.domain.ports import AgentKnowledge, Agents

FRESH_SECONDS: Final = 2.0
MAX_ENTRIES: Final = 10_000


class MovingAgents:
    """Fulfils `Agents`: says by which of the platform's two models an agent is searched.

    A place is believed for some seconds. Both spaces are kept until long after a flip, so a
    search by the old one still finds everything.

    Args:
        agents: Knows the agents' own choices.
        models: The platform's.
        places: Where tenants stand.
    """

    def __init__(self, agents: Agents, *, models: TwoModels, places: Places) -> None:
        self._agents = agents
        self._models = models
        self._places = places
        self._known: OrderedDict[UUID, tuple[float, Place | None]] = OrderedDict()

    async def find(self, tenant_id: UUID, agent_id: UUID, *, fresh: bool = False) -> AgentKnowledge:
        """Return the tenant's agent; see `Agents`."""
        knowledge = await self._agents.find(tenant_id, agent_id, fresh=fresh)
        if knowledge.embedding is not None:
            return knowledge
        place = await self._place(tenant_id, fresh=fresh)
        if place is not None and place.live not in self._models.names:
            return knowledge
        live, other = self._models.live(place), self._models.other(place)
        return replace(
            knowledge,
            embedding=None if live is self._models.first else live,
            beside=None if place is not None and place.ended else other,
        )

    async def _place(self, tenant_id: UUID, *, fresh: bool) -> Place | None:
        now = time.monotonic()
        known = self._known.get(tenant_id)
        if known is not None and not fresh and now - known[0] < FRESH_SECONDS:
            return known[1]
        place = await self._places.read(tenant_id)
        self._known[tenant_id] = (now, place)
        self._known.move_to_end(tenant_id)
        if len(self._known) > MAX_ENTRIES:
            self._known.popitem(last=False)
        return place
