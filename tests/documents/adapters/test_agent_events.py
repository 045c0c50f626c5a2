"""What happens to agents is heard of, also after Redis was away."""

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

from redis.asyncio import Redis

from libs.common.events.catalogue.agents import AgentUpdated
from libs.common.events.envelope import EventEnvelope
from libs.common.events.streams import publish_directly
from libs.common.ids import new_id
from services.documents.adapters.agent_events import following_agents
from services.documents.adapters.agents import CachedAgents
from tests.documents.adapters.test_agents import AGENT, TENANT, AgentsService


async def tell_of_a_change(redis: Redis, tenant_id: UUID) -> None:
    event = AgentUpdated(agent_id=AGENT)
    envelope = EventEnvelope(
        id=new_id(),
        name=event.event_name,
        version=1,
        tenant_id=tenant_id,
        aggregate_id=AGENT,
        aggregate_version=2,
        occurred_at=datetime.now(UTC),
        traceparent=None,
        payload=event.model_dump(mode="json"),
    )
    await publish_directly(redis, envelope, topic="agents")


async def cut_readers(redis: Redis) -> None:
    """Close the connections that wait for entries in this test's database."""
    database = str(redis.connection_pool.connection_kwargs.get("db", 0))
    readers = [
        one
        for one in await redis.client_list()
        if one["cmd"].startswith("xread") and one["db"] == database
    ]
    assert readers
    for one in readers:
        await redis.client_kill_filter(_id=one["id"])


async def asked_again(agents: CachedAgents, service: AgentsService) -> bool:
    """Wait until the agents service is asked once more."""
    before = service.calls
    for _ in range(100):
        await agents.find(TENANT, AGENT)
        if service.calls > before:
            return True
        await asyncio.sleep(0.02)
    return False


class TestFollowingAgents:
    async def test_hears_of_changes(self, redis: Redis) -> None:
        service = AgentsService()
        agents = CachedAgents(service)
        await tell_of_a_change(redis, TENANT)

        async with following_agents(redis, agents):
            await asyncio.sleep(0.1)
            await agents.find(TENANT, AGENT)
            await tell_of_a_change(redis, uuid4())
            await asyncio.sleep(0.1)
            await agents.find(TENANT, AGENT)
            assert service.calls == 1
            await tell_of_a_change(redis, TENANT)

            assert await asked_again(agents, service)

    async def test_forgets_what_it_may_have_missed(self, redis: Redis) -> None:
        service = AgentsService()
        agents = CachedAgents(service)

        async with following_agents(redis, agents):
            await asyncio.sleep(0.1)
            await agents.find(TENANT, AGENT)
            await cut_readers(redis)

            assert await asked_again(agents, service)
