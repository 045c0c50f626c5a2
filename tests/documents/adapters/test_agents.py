from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from libs.common.errors import NotFound, Unavailable
from services.documents.adapters.agents import CachedAgents
from services.documents.domain.errors import AgentNotFound, AgentsUnavailable

TENANT, OTHER_TENANT, AGENT = uuid4(), uuid4(), uuid4()
EMBEDDING = {
    "provider": "openai",
    "model": "text-embedding-3-small",
    "dimension": 1536,
    "base_url": "https://api.openai.com/v1",
    "api_key": "sk-secret",
}


class AgentsService:
    """Answers as the agents service does; knows one agent of one tenant."""

    def __init__(self) -> None:
        self.calls = 0
        self.down = False
        self.on_call: Callable[[], None] = lambda: None
        self.embedding: dict[str, object] | None = None

    async def request_json(self, method: str, path: str, *, tenant_id: UUID) -> dict[str, object]:
        self.calls += 1
        self.on_call()
        if self.down:
            raise Unavailable
        if (method, path, tenant_id) != ("GET", f"/internal/agents/{AGENT}", TENANT):
            raise NotFound
        return {"id": str(AGENT), "name": "Ada", "embedding": self.embedding}


@pytest.fixture
def service() -> AgentsService:
    return AgentsService()


class TestCachedAgents:
    async def test_another_tenants_agent_is_unknown(self, service: AgentsService) -> None:
        agents = CachedAgents(service)
        await agents.find(TENANT, AGENT)

        with pytest.raises(AgentNotFound):
            await agents.find(OTHER_TENANT, AGENT)

    async def test_asks_once_until_told_of_a_change(self, service: AgentsService) -> None:
        agents = CachedAgents(service)

        first = await agents.find(TENANT, AGENT)
        service.embedding = EMBEDDING
        assert await agents.find(TENANT, AGENT) is first
        assert first.embedding is None
        agents.forget(OTHER_TENANT)
        agents.forget(TENANT, uuid4())
        assert service.calls == 1
        agents.forget(TENANT, AGENT)

        changed = await agents.find(TENANT, AGENT)
        assert changed.embedding is not None
        assert changed.embedding.dimension == 1536
        assert service.calls == 2

    async def test_a_fresh_answer_comes_from_the_service(self, service: AgentsService) -> None:
        agents = CachedAgents(service)
        await agents.find(TENANT, AGENT)
        service.embedding = EMBEDDING

        assert (await agents.find(TENANT, AGENT, fresh=True)).embedding is not None
        service.down = True
        with pytest.raises(AgentsUnavailable):
            await agents.find(TENANT, AGENT, fresh=True)

    async def test_does_not_keep_what_changed_on_its_way(self, service: AgentsService) -> None:
        agents = CachedAgents(service)
        service.on_call = lambda: agents.forget(TENANT, AGENT)

        await agents.find(TENANT, AGENT)
        await agents.find(TENANT, AGENT)

        assert service.calls == 2

    async def test_shows_no_key(self, service: AgentsService) -> None:
        service.embedding = EMBEDDING

        assert "sk-secret" not in repr(await CachedAgents(service).find(TENANT, AGENT))

    async def test_makes_do_with_what_it_knew(self, service: AgentsService) -> None:
        agents = CachedAgents(service, fresh_seconds=0)
        known = await agents.find(TENANT, AGENT)
        service.down = True

        assert await agents.find(TENANT, AGENT) == known
        with pytest.raises(AgentsUnavailable):
            await agents.find(TENANT, uuid4())
