"""What other services are told about agents."""

import httpx
from fastapi import FastAPI

from services.agents.domain.profiles import ModelCall
from tests.agents.cast import OPENAI_KEY, SDK_SETTINGS, Company


class TestStrangers:
    async def test_people_get_401(self, client: httpx.AsyncClient, acme: Company) -> None:
        agent = await acme.create_agent()
        for path in (f"/internal/agents/{agent['id']}", "/internal/agents"):
            headers = {**acme.admin, "x-tenant-id": str(acme.id)}
            assert (await client.get(path, headers=headers)).status_code == 401
            assert (await client.get(path)).status_code == 401

    async def test_of_another_tenant_get_404(self, acme: Company, globex: Company) -> None:
        agent = await acme.create_agent()
        await globex.profile(agent["id"], status=404)
        await globex.profile("by-name/Ada", status=404)


class TestProfile:
    async def test_has_all_that_is_needed_to_answer(self, acme: Company) -> None:
        agent = await acme.create_agent(
            instructions="Be brief",
            settings={
                **SDK_SETTINGS,
                "llm_api_key": OPENAI_KEY,
                "embedding_api_key": OPENAI_KEY,
                "llm_additional_params": {"top_p": 0.5},
                "llm_max_tokens": 50,
            },
        )
        profile = await acme.profile(agent["id"])
        assert profile["instructions"] == "Be brief"
        assert profile["version"] == 1
        assert profile["warnings"] == []
        assert profile["llm"] == {
            "provider": "openai",
            "model": "gpt-4o-mini",
            "base_url": "https://api.openai.com/v1",
            "api_key": OPENAI_KEY,
            "temperature": 0.7,
            "max_tokens": 50,
            "params": {"top_p": 0.5},
            "is_platforms": False,
            "input_price_per_million": 0.15,
            "output_price_per_million": 0.6,
        }
        assert profile["embedding"] == {
            "provider": "openai",
            "model": "text-embedding-3-large",
            "base_url": "https://api.openai.com/v1",
            "api_key": OPENAI_KEY,
            "dimension": 3072,
        }

    async def test_goes_by_name_in_any_case(self, acme: Company) -> None:
        agent = await acme.create_agent(name="R&D/Legal")
        assert (await acme.profile("by-name/r%26d%2Flegal"))["id"] == agent["id"]
        await acme.profile("by-name/a%00", status=404)

    async def test_is_not_for_services_that_call_no_models(self, acme: Company) -> None:
        agent = await acme.create_agent()
        headers = acme.as_service(acme.resources.service_tokens)
        path = f"/internal/agents/{agent['id']}"
        refused = await acme.send("GET", path, api="", headers=headers, status=403)
        assert refused["code"] == "forbidden"

    async def test_lists_living_agents(self, acme: Company) -> None:
        one = await acme.create_agent(name="One")
        gone = await acme.create_agent(name="Gone")
        await acme.send("DELETE", f"/agent/{gone['id']}")
        headers = acme.as_service(acme.peer)
        listed = await acme.send("GET", "/internal/agents", api="", headers=headers)
        assert listed == {"agents": [{"id": one["id"], "name": "One"}]}

    async def test_without_any_chat_model_has_none_and_says_so(self, acme: Company) -> None:
        agent = await acme.create_agent(settings=SDK_SETTINGS)
        profile = await acme.profile(agent["id"])
        assert profile["llm"] is None
        assert profile["embedding"] is None
        assert "quotes" in profile["warnings"][0]

    async def test_falls_back_to_the_platforms_chat_model(
        self, app: FastAPI, acme: Company
    ) -> None:
        wiring = app.state.wiring
        platform = ModelCall(
            provider="platform", model="house", base_url="http://model:1/v1", api_key="k"
        )
        object.__setattr__(wiring, "platform", platform)
        keyless = await acme.create_agent(
            settings={**SDK_SETTINGS, "llm_additional_params": {"top_p": 0.5}}
        )
        profile = await acme.profile(keyless["id"])
        assert profile["llm"]["model"] == "house"
        assert profile["llm"]["params"] == {}
        assert "platform's chat model house" in profile["warnings"][0]
        plain = await acme.create_agent()
        assert (await acme.profile(plain["id"]))["warnings"] == []
        keyed = await acme.create_agent(settings={**SDK_SETTINGS, "llm_api_key": OPENAI_KEY})
        assert (await acme.profile(keyed["id"]))["llm"]["model"] == "gpt-4o-mini"

    async def test_prices_an_own_model_as_the_company_does(self, acme: Company) -> None:
        agent = await acme.create_agent(settings={**SDK_SETTINGS, "llm_api_key": OPENAI_KEY})
        settings = await acme.send("GET", f"/settings/{agent['llm_settings_id']}")
        path = f"/providers/{settings['llm_provider_id']}/models/{settings['llm_model_id']}"
        await acme.send("PUT", path, json={"input_price": 0.002, "output_price": 0.004})
        llm = (await acme.profile(agent["id"]))["llm"]
        assert (llm["input_price_per_million"], llm["output_price_per_million"]) == (2.0, 4.0)

    async def test_prices_the_platforms_model_by_the_platforms_catalogue(
        self, app: FastAPI, acme: Company
    ) -> None:
        platform = ModelCall(
            provider="gemini", model="gemini-2.5-flash", base_url="https://g/v1", api_key="k"
        )
        object.__setattr__(app.state.wiring, "platform", platform)
        agent = await acme.create_agent()
        llm = (await acme.profile(agent["id"]))["llm"]
        assert llm["is_platforms"]
        assert (llm["input_price_per_million"], llm["output_price_per_million"]) == (0.3, 2.5)

    async def test_ignores_inactive_settings(self, acme: Company) -> None:
        agent = await acme.create_agent(settings={**SDK_SETTINGS, "llm_api_key": OPENAI_KEY})
        path = f"/settings/{agent['llm_settings_id']}"
        await acme.send("PUT", path, json={"is_active": False})
        profile = await acme.profile(agent["id"])
        assert profile["llm"] is None
        assert any("inactive" in warning for warning in profile["warnings"])
        assert profile["version"] == 2
