"""LLM settings over HTTP."""

from uuid import uuid4

import httpx
import pytest

from tests.agents.cast import OPENAI_KEY, SDK_SETTINGS, ChatModel, Company, Json

GUARDED = [
    ("POST", "/settings"),
    ("POST", "/sdk/settings"),
    ("GET", "/settings/{id}"),
    ("PUT", "/settings/{id}"),
    ("DELETE", "/settings/{id}"),
    ("GET", "/settings/company/{company}"),
    ("GET", "/settings/agent/{agent}"),
    ("POST", "/settings/test/{id}"),
    ("GET", "/settings/providers"),
    ("POST", "/settings/providers/seed"),
]
FOREIGN = [row for row in GUARDED if "{" in row[1]]


async def make_settings(company: Company, **fields: object) -> Json:
    """Create settings as the SDK does, and return them."""
    reply = await company.send("POST", "/sdk/settings", json={**SDK_SETTINGS, **fields}, status=201)
    made: Json = reply["settings"]
    return made


def at(model: ChatModel, **fields: object) -> Json:
    """Return settings that call the chat model of the test."""
    return {
        "llm_provider": "vllm",
        "llm_model": "Qwen/Qwen3-8B",
        "llm_api_base_url": model.base_url,
        **fields,
    }


class TestStrangers:
    async def test_without_credentials_get_401(self, client: httpx.AsyncClient) -> None:
        for method, path in GUARDED:
            path_ = path.format(id=uuid4(), company=uuid4(), agent=uuid4())
            reply = await client.request(method, f"/api/v1{path_}", json={})
            assert reply.status_code == 401, path

    @pytest.mark.parametrize(("method", "path"), FOREIGN)
    async def test_of_another_company_meet_the_same_404_as_for_unknown_ids(
        self, acme: Company, globex: Company, method: str, path: str
    ) -> None:
        agent = await acme.create_agent(settings=SDK_SETTINGS)
        foreign_path = path.format(id=agent["llm_settings_id"], company=acme.id, agent=agent["id"])
        unknown_path = path.format(id=uuid4(), company=uuid4(), agent=uuid4())
        foreign = await globex.send(method, foreign_path, json={}, status=404)
        unknown = await globex.send(method, unknown_path, json={}, status=404)
        foreign.pop("request_id")
        unknown.pop("request_id")
        assert foreign == unknown

    async def test_cannot_attach_settings_to_a_foreign_agent(
        self, acme: Company, globex: Company
    ) -> None:
        agent = await acme.create_agent()
        body = {**SDK_SETTINGS, "agent_id": agent["id"]}
        await globex.send("POST", "/settings", json=body, status=404)
        assert (await globex.send("GET", f"/settings/company/{globex.id}"))["total"] == 0

    async def test_leads_get_nothing(self, client: httpx.AsyncClient, acme: Company) -> None:
        reply = await client.get(f"/api/v1/settings/company/{acme.id}", headers=acme.lead)
        assert reply.status_code == 403


class TestKeys:
    async def test_are_shown_by_their_last_four_characters_only(self, acme: Company) -> None:
        made = await make_settings(acme, llm_api_key=OPENAI_KEY, embedding_api_key="short")
        assert made["llm_api_key"] == "••••WXYZ"
        assert made["embedding_api_key"] == "••••"
        for path in (
            f"/settings/{made['id']}",
            f"/settings/company/{acme.id}",
        ):
            reply = await acme.client.get(f"/api/v1{path}", headers=acme.admin)
            assert "0123456789abcdef" not in reply.text

    async def test_are_not_stored_in_the_clear(self, acme: Company) -> None:
        made = await make_settings(acme, llm_api_key=OPENAI_KEY)
        async with acme.resources.database.lean(acme.id) as connection:
            stored = await connection.fetchval(
                "SELECT llm_api_key FROM llm_settings WHERE id = $1", made["id"]
            )
        assert stored
        assert OPENAI_KEY.encode() not in stored

    async def test_stay_when_the_redacted_form_comes_back(self, acme: Company) -> None:
        agent = await acme.create_agent(settings={**SDK_SETTINGS, "llm_api_key": OPENAI_KEY})
        shown = await acme.send("GET", f"/settings/{agent['llm_settings_id']}")
        changed = {"llm_api_key": shown["llm_api_key"], "llm_temperature": 0.1}
        await acme.send("PUT", f"/settings/{shown['id']}", json=changed)
        assert (await acme.profile(agent["id"]))["llm"]["api_key"] == OPENAI_KEY

    async def test_go_when_the_base_url_changes(self, acme: Company) -> None:
        agent = await acme.create_agent(settings={**SDK_SETTINGS, "llm_api_key": OPENAI_KEY})
        path = f"/settings/{agent['llm_settings_id']}"
        reply = await acme.send("PUT", path, json={"llm_api_base_url": "https://evil.example/v1"})
        assert reply["settings"]["llm_api_key"] is None
        assert "base URL changed" in reply["warnings"][0]
        assert (await acme.profile(agent["id"]))["llm"] is None
        # Going back does not bring it back.
        await acme.send("PUT", path, json={"llm_api_base_url": None})
        assert (await acme.profile(agent["id"]))["llm"] is None

    async def test_go_when_the_provider_changes(self, acme: Company) -> None:
        made = await make_settings(acme, llm_api_key=OPENAI_KEY)
        change = {"llm_provider": "groq", "llm_model": "llama-3.1-8b-instant"}
        reply = await acme.send("PUT", f"/settings/{made['id']}", json=change)
        assert reply["settings"]["llm_api_key"] is None

    async def test_are_not_used_once_the_companys_view_of_the_provider_has_moved(
        self, acme: Company
    ) -> None:
        agent = await acme.create_agent(settings={**SDK_SETTINGS, "llm_api_key": OPENAI_KEY})
        shown = await acme.send("GET", f"/settings/{agent['llm_settings_id']}")
        path = f"/providers/{shown['llm_provider_id']}"
        await acme.send("PUT", path, json={"api_base_url": "https://evil.example/v1"})
        profile = await acme.profile(agent["id"])
        assert profile["llm"] is None
        assert "saved for another base URL" in profile["warnings"][0]

    async def test_are_given_anew_with_a_new_base_url(self, acme: Company) -> None:
        agent = await acme.create_agent(settings={**SDK_SETTINGS, "llm_api_key": OPENAI_KEY})
        change = {"llm_api_base_url": "https://proxy.example/v1/", "llm_api_key": "another-key"}
        await acme.send("PUT", f"/agent/{agent['id']}", json=change)
        llm = (await acme.profile(agent["id"]))["llm"]
        assert llm["base_url"] == "https://proxy.example/v1"
        assert llm["api_key"] == "another-key"

    async def test_never_travel_in_the_clear(self, acme: Company) -> None:
        body = {
            **SDK_SETTINGS,
            "llm_api_key": OPENAI_KEY,
            "llm_api_base_url": "http://models.example/v1",
        }
        reply = await acme.send("POST", "/settings", json=body, status=400)
        assert reply["code"] == "unsafe_model_url"

    @pytest.mark.parametrize("key", ["sk-1\r\nX-Evil: 1", "schlüssel", "sk\x00"])
    async def test_can_be_sent_in_a_header(self, acme: Company, key: str) -> None:
        body = {**SDK_SETTINGS, "llm_api_key": key}
        await acme.send("POST", "/settings", json=body, status=400)

    async def test_are_removed_by_null(self, acme: Company) -> None:
        made = await make_settings(acme, llm_api_key=OPENAI_KEY)
        reply = await acme.send("PUT", f"/settings/{made['id']}", json={"llm_api_key": None})
        assert reply["settings"]["llm_api_key"] is None


class TestCreate:
    async def test_for_an_agent_is_used_by_it_at_once(self, acme: Company) -> None:
        agent = await acme.create_agent()
        made = await make_settings(acme, agent_id=agent["id"])
        current = await acme.send("GET", f"/settings/agent/{agent['id']}")
        assert current["id"] == made["id"]
        assert len(current["settings"]) == 2
        assert (await acme.send("GET", f"/agent/{agent['id']}"))["model_name"] == "gpt-4o-mini"

    async def test_needs_pairs(self, acme: Company) -> None:
        reply = await acme.send("POST", "/settings", json={"llm_model": "gpt-4o"}, status=400)
        assert reply["code"] == "missing_model_choice"
        reply = await acme.send("POST", "/settings", json={"llm_provider": "openai"}, status=400)
        assert "gpt-4o" in reply["details"]["available"]

    async def test_refuses_reserved_parameters(self, acme: Company) -> None:
        body = {**SDK_SETTINGS, "llm_additional_params": {"API-Key": "sk-1"}}
        reply = await acme.send("POST", "/settings", json=body, status=400)
        assert reply["code"] == "reserved_parameter"

    async def test_refuses_vectors_nobody_can_store(self, acme: Company) -> None:
        body = {**SDK_SETTINGS, "embedding_api_key": OPENAI_KEY, "embedding_dimension": 1000}
        reply = await acme.send("POST", "/settings", json=body, status=400)
        assert reply["code"] == "unsupported_dimension"
        body["embedding_dimension"] = 1024
        await acme.send("POST", "/settings", json=body, status=201)

    async def test_has_one_default(self, acme: Company) -> None:
        one = await make_settings(acme, is_default=True)
        other = await make_settings(acme, is_default=True)
        listed = (await acme.send("GET", f"/settings/company/{acme.id}"))["data"]
        assert [row["id"] for row in listed if row["is_default"]] == [other["id"]]
        assert one["is_default"]


class TestDelete:
    async def test_refuses_the_default_and_what_is_in_use(self, acme: Company) -> None:
        default = await make_settings(acme, is_default=True)
        reply = await acme.send("DELETE", f"/settings/{default['id']}", status=400)
        assert reply["code"] == "settings_are_default"
        used = await make_settings(acme)
        await acme.create_agent(llm_settings_id=used["id"])
        reply = await acme.send("DELETE", f"/settings/{used['id']}", status=409)
        assert reply["details"] == {"agents": 1}
        free = await make_settings(acme)
        await acme.send("DELETE", f"/settings/{free['id']}")
        await acme.send("GET", f"/settings/{free['id']}", status=404)


class TestEvents:
    async def test_tell_of_settings_and_of_every_agent_that_uses_them(self, acme: Company) -> None:
        made = await make_settings(acme)
        await acme.create_agent(llm_settings_id=made["id"])
        await acme.create_agent(llm_settings_id=made["id"])
        await acme.send("PUT", f"/settings/{made['id']}", json={"llm_temperature": 0})
        assert (await acme.events())[-3:] == ["settings.updated", "agent.updated", "agent.updated"]


class TestLiveTest:
    async def test_asks_the_model(self, acme: Company, chat_model: ChatModel) -> None:
        made = await make_settings(acme, **at(chat_model, llm_api_key=OPENAI_KEY))
        reply = await acme.send("POST", f"/settings/test/{made['id']}")
        assert reply["success"]
        assert reply["response"] == "ready"
        assert reply["latency_ms"] > 0
        headers, request = chat_model.requests[0]
        assert headers["authorization"] == f"Bearer {OPENAI_KEY}"
        assert request["model"] == "Qwen/Qwen3-8B"

    async def test_tells_the_cause_without_the_key(
        self, acme: Company, chat_model: ChatModel
    ) -> None:
        chat_model.status = 401
        chat_model.body = {"error": {"message": f"Incorrect API key provided: {OPENAI_KEY}"}}
        made = await make_settings(acme, **at(chat_model, llm_api_key=OPENAI_KEY))
        reply = await acme.send("POST", f"/settings/test/{made['id']}", status=400)
        assert "refused the key" in reply["error"]
        assert OPENAI_KEY not in str(reply)
        assert reply["details"]["latency_ms"] > 0

    async def test_says_when_nobody_is_there(self, acme: Company, chat_model: ChatModel) -> None:
        made = await make_settings(acme, **at(chat_model))
        overrides = {"llm_api_base_url": "http://127.0.0.1:9/v1"}
        reply = await acme.send("POST", f"/settings/test/{made['id']}", json=overrides, status=502)
        assert reply["code"] == "model_test_failed"

    async def test_says_when_the_provider_is_in_trouble(
        self, acme: Company, chat_model: ChatModel
    ) -> None:
        chat_model.status = 500
        made = await make_settings(acme, **at(chat_model))
        await acme.send("POST", f"/settings/test/{made['id']}", status=502)

    async def test_follows_no_redirect(self, acme: Company, chat_model: ChatModel) -> None:
        chat_model.location = f"{chat_model.base_url}/elsewhere"
        made = await make_settings(acme, **at(chat_model, llm_api_key=OPENAI_KEY))
        await acme.send("POST", f"/settings/test/{made['id']}", status=400)
        assert len(chat_model.requests) == 1

    async def test_sends_no_stored_key_to_another_address(
        self, acme: Company, chat_model: ChatModel
    ) -> None:
        made = await make_settings(acme, llm_api_key=OPENAI_KEY)
        overrides = {"llm_api_base_url": chat_model.base_url}
        reply = await acme.send("POST", f"/settings/test/{made['id']}", json=overrides, status=400)
        assert "llm_api_key" in reply["error"]
        assert chat_model.requests == []

    async def test_keeps_nothing_of_its_overrides(
        self, acme: Company, chat_model: ChatModel
    ) -> None:
        made = await make_settings(acme, **at(chat_model), is_default=True)
        overrides = {"llm_temperature": 2, "llm_model": "openai/gpt-oss-20b", "is_default": False}
        await acme.send("POST", f"/settings/test/{made['id']}", json=overrides)
        assert chat_model.requests[0][1]["model"] == "openai/gpt-oss-20b"
        after = await acme.send("GET", f"/settings/{made['id']}")
        assert after["settings"]["llm_model"] == "Qwen/Qwen3-8B"
        assert after["llm_temperature"] == 0.7
        assert after["is_default"]

    async def test_of_the_local_default_needs_no_model(self, acme: Company) -> None:
        agent = await acme.create_agent()
        reply = await acme.send("POST", f"/settings/test/{agent['llm_settings_id']}")
        assert reply["mode"] == "extractive"
        assert "quotes" in reply["warnings"][0]


class TestProviderChoices:
    async def test_sort_the_catalogue_by_purpose(self, acme: Company) -> None:
        reply = await acme.send("GET", "/settings/providers")
        chat = {provider["value"] for provider in reply["llm_providers"]}
        embedding = {provider["value"] for provider in reply["embedding_providers"]}
        assert {"openai", "gemini", "anthropic", "mistral", "groq", "azure-openai"} <= chat
        assert "anthropic" not in embedding
        assert "huggingface" in embedding - chat

    async def test_seeding_is_idempotent(self, acme: Company) -> None:
        one = await acme.send("POST", "/settings/providers/seed", json={"anything": 1})
        assert one == await acme.send("POST", "/settings/providers/seed")
        assert one["providers_count"] >= 11
