"""Reading a service's outbox."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from libs.common.events import Recorded, record_events
from libs.common.events.catalogue.agents import AgentCreated
from libs.common.http import create_app
from libs.common.http.events import router_of_events
from libs.common.ids import new_id
from libs.common.resources import Resources
from libs.common.security import ServiceTokens
from tests.common.http.conftest import SampleSettings

PATH = "/internal/events"


@pytest.fixture
def app(sample_settings: SampleSettings, resources: Resources) -> FastAPI:
    routers = [router_of_events(settled_seconds=0)]
    return create_app(settings=sample_settings, routers=routers, title="S", resources=resources)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sample") as made:
        yield made


async def record(resources: Resources, tenant_id: UUID, *, count: int) -> list[UUID]:
    agents = [new_id() for _ in range(count)]
    async with resources.database.lean(tenant_id) as connection:
        events = [Recorded(AgentCreated(agent_id=agent), agent, 1) for agent in agents]
        await record_events(connection, tenant_id, events)
    return agents


class TestListEvents:
    async def test_is_for_services_only(self, client: httpx.AsyncClient) -> None:
        headers = {"X-Tenant-ID": str(uuid4())}

        anonymous = await client.get(PATH, headers=headers)
        forged = await client.get(PATH, headers={**headers, "Authorization": "Bearer x.y.z"})

        assert (anonymous.status_code, forged.status_code) == (401, 401)

    async def test_shows_the_named_tenant_in_pages(
        self, client: httpx.AsyncClient, resources: Resources, agents_tokens: ServiceTokens
    ) -> None:
        acme, globex = uuid4(), uuid4()
        own = await record(resources, acme, count=3)
        await record(resources, globex, count=1)
        headers = {
            "Authorization": f"Bearer {agents_tokens.token_for('sample')}",
            "X-Tenant-ID": str(acme),
        }

        first = (await client.get(PATH, headers=headers, params={"limit": 2})).json()
        after = {"limit": 2, "after": first["next"]}
        rest = (await client.get(PATH, headers=headers, params=after)).json()

        events = first["events"] + rest["events"]
        assert [UUID(event["aggregate_id"]) for event in events] == own
        assert {event["name"] for event in events} == {"agent.created"}
        assert {event["tenant_id"] for event in events} == {str(acme)}
        assert rest["next"] is None

    async def test_wants_a_tenant(
        self, client: httpx.AsyncClient, agents_tokens: ServiceTokens
    ) -> None:
        headers = {"Authorization": f"Bearer {agents_tokens.token_for('sample')}"}

        assert (await client.get(PATH, headers=headers)).status_code == 400
