"""The published Python SDK, unmodified, against the running service."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from knowrithm_py.dataclass.config import KnowrithmConfig
from knowrithm_py.dataclass.error import KnowrithmAPIError
from knowrithm_py.knowrithm.client import KnowrithmClient
from knowrithm_py.services.settings import ProviderService

from tests.agents.cast import OPENAI_KEY, SDK_SETTINGS, Company


class Server(uvicorn.Server):
    """Serves inside the test's event loop, which keeps its signal handlers."""

    def install_signal_handlers(self) -> None:
        """Leave them alone."""


@pytest.fixture
async def sdk(application: FastAPI, acme: Company) -> AsyncIterator[KnowrithmClient]:
    """An SDK client with the admin's credentials; its calls block, so they run in threads."""
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, lifespan="off", log_config=None, ws="none"
    )
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    (socket,) = server.servers[0].sockets
    base_url = f"http://127.0.0.1:{socket.getsockname()[1]}/api"
    client = KnowrithmClient("ak_x", "as_x", KnowrithmConfig(base_url=base_url))
    client._session.headers.update(acme.admin)
    yield client
    client._session.close()
    server.should_exit = True
    await serving


async def run(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Make a blocking call."""
    return await asyncio.to_thread(call, *args, **kwargs)


class TestAgents:
    async def test_live_their_whole_life(self, sdk: KnowrithmClient) -> None:
        agents = sdk.agents
        made = await run(
            agents.create_agent, {"name": "R&D/Ada", "status": "active"}, settings=SDK_SETTINGS
        )
        agent_id = made["agent"]["id"]
        assert (await run(agents.get_agent, agent_id))["agent"]["name"] == "R&D/Ada"
        found = await run(agents.get_agent_by_name, "r&d/ada")
        assert found["agent"]["id"] == agent_id
        listed = await run(agents.list_agents, search="ada", per_page=5)
        assert [agent["id"] for agent in listed["agents"]] == [agent_id]
        changed = await run(agents.update_agent, agent_id, {"description": "Helps"})
        assert changed["agent"]["description"] == "Helps"
        copy = await run(agents.clone_agent, agent_id, name="Bea")
        assert copy["agent"]["status"] == "inactive"
        assert "embed_code" in await run(agents.get_embed_code, agent_id)
        assert (await run(agents.get_agent_stats, agent_id))["agent_name"] == "R&D/Ada"
        await run(agents.delete_agent, agent_id)
        back = await run(agents.restore_agent, agent_id)
        assert back["agent"]["id"] == agent_id

    async def test_can_be_made_by_ids(self, sdk: KnowrithmClient) -> None:
        choices = await run(sdk.settings.list_settings_providers)
        llm, embedding = choices["llm_providers"][0], choices["embedding_providers"][0]
        ids = {
            "llm_provider_id": llm["id"],
            "llm_model_id": llm["models"][0]["id"],
            "embedding_provider_id": embedding["id"],
            "embedding_model_id": embedding["models"][0]["id"],
        }
        made = await run(sdk.agents.create_agent, {"name": "Ada"}, settings=ids)
        assert made["settings"]["llm_provider_id"] == llm["id"]

    async def test_serve_the_widget(self, sdk: KnowrithmClient) -> None:
        assert "data-agent-id" in await run(sdk.agents.fetch_widget_script)
        assert "Mine" in str(await run(sdk.agents.render_test_page, "<p>Mine</p>"))

    async def test_errors_reach_people(self, sdk: KnowrithmClient) -> None:
        wrong = {**SDK_SETTINGS, "llm_model": "gpt-9000"}
        with pytest.raises(KnowrithmAPIError, match="gpt-4o-mini"):
            await run(sdk.agents.create_agent, {"name": "Ada"}, settings=wrong)


class TestSettings:
    async def test_live_their_whole_life(self, sdk: KnowrithmClient, acme: Company) -> None:
        settings = sdk.settings
        made = await run(
            settings.create_settings_with_provider_names, **SDK_SETTINGS, llm_api_key=OPENAI_KEY
        )
        settings_id = made["settings"]["id"]
        shown = await run(settings.get_settings, settings_id)
        assert shown["llm_api_key"] == "••••WXYZ"
        await run(settings.update_settings, settings_id, llm_temperature=0.1)
        listed = await run(settings.list_company_settings, str(acme.id))
        assert [row["llm_temperature"] for row in listed["settings"]] == [0.1]
        assert "message" in await run(settings.seed_settings_providers)
        await run(settings.delete_settings, settings_id)


class TestProviders:
    async def test_live_their_whole_life(self, sdk: KnowrithmClient) -> None:
        providers = ProviderService(sdk)
        made = await run(providers.create_provider, "own", "llm", api_base_url="https://m.example")
        provider_id = made["provider"]["id"]
        model = await run(
            providers.create_model, provider_id, "m-1", "llm", context_window=10, input_price=0.1
        )
        model_id = model["model"]["id"]
        changed = await run(providers.update_model, provider_id, model_id, output_price=0.2)
        assert changed["model"]["output_price"] == 0.2
        assert (await run(providers.list_models, provider_id))["total"] == 1
        assert (await run(providers.get_model, provider_id, model_id))["name"] == "m-1"
        await run(providers.delete_model, provider_id, model_id)
        await run(providers.update_provider, provider_id, description="Ours")
        assert (await run(providers.get_provider, provider_id))["provider"]["models"] == []
        await run(providers.delete_provider, provider_id)
        listed = await run(providers.list_providers, params={"type": "llm"})
        assert provider_id not in {provider["id"] for provider in listed["providers"]}
