"""The agents service as seen from here: does an agent exist, and how does it embed.

Every search asks, so the answer is kept for a while in the process; events of the agents service
empty the cache (`forget`). An answer may hold a provider's key, so it is kept nowhere else.
"""

import time
from collections import OrderedDict
from typing import Final, Protocol
from uuid import UUID

from libs.common.errors import NotFound, Unavailable
from services.documents.domain.errors import AgentNotFound, AgentsUnavailable
from services.documents.domain.ports import AgentKnowledge, EmbeddingChoice

MAX_ENTRIES: Final = 10_000


class Client(Protocol):
    """The part of `ServiceClient` that is used here."""

    async def request_json(self, method: str, path: str, *, tenant_id: UUID) -> dict[str, object]:
        """Make the call; raises `NotFound` on 404 and `Unavailable` on outages."""
        ...


class CachedAgents:
    """Fulfils `Agents` over HTTP.

    Args:
        client: Speaks to the agents service.
        fresh_seconds: How long an answer is believed when no event corrects it.
        stale_seconds: How long it may stand in while the agents service is out of reach.
    """

    def __init__(
        self, client: Client, *, fresh_seconds: float = 30.0, stale_seconds: float = 300.0
    ) -> None:
        self._client = client
        self._fresh_seconds = fresh_seconds
        self._stale_seconds = stale_seconds
        self._known: OrderedDict[tuple[UUID, UUID], tuple[float, AgentKnowledge]] = OrderedDict()
        self._changes = 0

    async def find(self, tenant_id: UUID, agent_id: UUID, *, fresh: bool = False) -> AgentKnowledge:
        """Return the tenant's agent; `fresh` asks for it as it is now, or not at all.

        Raises:
            AgentNotFound: The tenant has no such agent.
            AgentsUnavailable: The agents service does not answer, and never has lately.
        """
        key = (tenant_id, agent_id)
        known = None if fresh else self._known.get(key)
        changes = self._changes
        now = time.monotonic()
        if known and now - known[0] < self._fresh_seconds:
            return known[1]
        try:
            profile = await self._client.request_json(
                "GET", f"/internal/agents/{agent_id}", tenant_id=tenant_id
            )
        except NotFound as error:
            self._known.pop(key, None)
            raise AgentNotFound from error
        except Unavailable as error:
            if known and now - known[0] < self._stale_seconds:
                return known[1]
            raise AgentsUnavailable from error
        found = _knowledge(agent_id, profile)
        # What came while something changed may be the old state; it serves this once.
        if changes == self._changes:
            self._known[key] = (now, found)
        if len(self._known) > MAX_ENTRIES:
            self._known.popitem(last=False)
        return found

    def forget(self, tenant_id: UUID, agent_id: UUID | None = None) -> None:
        """Ask anew the next time about one agent, or about all of a tenant's."""
        self._changes += 1
        for key in [key for key in self._known if key[0] == tenant_id]:
            if agent_id in (None, key[1]):
                del self._known[key]

    def forget_all(self) -> None:
        """Ask anew the next time about every agent."""
        self._changes += 1
        self._known.clear()


def _knowledge(agent_id: UUID, profile: dict[str, object]) -> AgentKnowledge:
    embedding = profile.get("embedding")
    return AgentKnowledge(
        agent_id=agent_id,
        name=str(profile.get("name", "")),
        embedding=_choice(embedding) if isinstance(embedding, dict) else None,
    )


def _choice(embedding: dict[str, object]) -> EmbeddingChoice:
    key = embedding.get("api_key")
    return EmbeddingChoice(
        provider=str(embedding["provider"]),
        model=str(embedding["model"]),
        dimension=int(str(embedding["dimension"])),
        base_url=str(embedding["base_url"]),
        api_key=None if key is None else str(key),
    )
