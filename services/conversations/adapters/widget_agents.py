"""Agents as strangers name them: an id gives the tenant, in this one place."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from uuid import UUID

from libs.common.database import PLATFORM_TENANT
from libs.common.errors import NotFound
from services.conversations.adapters.documents import JsonService
from services.conversations.domain.errors import AgentNotFound
from services.conversations.domain.leads import WidgetAgent

_FRESH_SECONDS: Final = 30.0
_MAX_AGENTS: Final = 10_000


class CachedWidgetAgents:
    """The agents service's public face, remembered for half a minute."""

    def __init__(self, agents: JsonService, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._agents = agents
        self._clock = clock
        self._known: OrderedDict[UUID, tuple[float, WidgetAgent]] = OrderedDict()

    async def find(self, agent_id: UUID) -> WidgetAgent:
        """Return an active agent, whoever's it is.

        Raises:
            AgentNotFound: There is none.
            Unavailable: The agents service is out of reach.
        """
        known = self._known.get(agent_id)
        if known is not None and self._clock() - known[0] < _FRESH_SECONDS:
            return known[1]
        try:
            found = await self._agents.request_json(
                "GET", f"/internal/widget-agents/{agent_id}", tenant_id=PLATFORM_TENANT
            )
        except NotFound as error:
            self._known.pop(agent_id, None)
            raise AgentNotFound from error
        agent = WidgetAgent(
            id=UUID(found["id"]),
            tenant_id=UUID(found["tenant_id"]),
            name=found["name"],
            allowed_sites=tuple(found["allowed_sites"]),
        )
        self._known[agent_id] = self._clock(), agent
        self._known.move_to_end(agent_id)
        if len(self._known) > _MAX_AGENTS:
            self._known.popitem(last=False)
        return agent
