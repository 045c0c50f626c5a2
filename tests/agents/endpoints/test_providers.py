"""The catalogue over HTTP."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from tests.agents.cast import Company, Json

GUARDED = [
    ("GET", "/providers"),
    ("POST", "/providers"),
    ("POST", "/providers/bulk-import"),
    ("GET", "/providers/{id}"),
    ("PUT", "/providers/{id}"),
    ("DELETE", "/providers/{id}"),
    ("GET", "/providers/{id}/models"),
    ("POST", "/providers/{id}/models"),
    ("GET", "/providers/{id}/models/{model}"),
    ("PUT", "/providers/{id}/models/{model}"),
    ("DELETE", "/providers/{id}/models/{model}"),
]
OWN = {"name": "own-cloud", "type": "llm", "api_base_url": "https://models.example/v1"}


async def provider_named(company: Company, name: str) -> Json:
    """Return a provider as the company sees it."""
    listed = await company.send("GET", "/providers", params={"include_models": True})
    (found,) = [provider for provider in listed["providers"] if provider["name"] == name]
    assert isinstance(found, dict)
    return found


async def names(company: Company) -> set[str]:
    """Return the names of all providers that the company sees."""
    listed = await company.send("GET", "/providers")
    return {provider["name"] for provider in listed["providers"]}


async def write(company: Company, method: str, path: str, *, json: Json) -> httpx.Response:
    """Send a request as the company's admin, however it ends."""
    return await company.client.request(method, f"/api/v1{path}", headers=company.admin, json=json)


class TestStrangers:
    async def test_without_credentials_get_401(self, client: httpx.AsyncClient) -> None:
        for method, path in GUARDED:
            path_ = path.format(id=uuid4(), model=uuid4())
            reply = await client.request(method, f"/api/v1{path_}", json={})
            assert reply.status_code == 401, path

    @pytest.mark.parametrize(("method", "path"), [row for row in GUARDED if "{id}" in row[1]])
    async def test_of_another_company_meet_404(
        self, acme: Company, globex: Company, method: str, path: str
    ) -> None:
        own = await acme.send("POST", "/providers", json=OWN, status=201)
        models = f"/providers/{own['id']}/models"
        model = await acme.send("POST", models, json={"name": "m-1", "type": "llm"}, status=201)
        foreign_path = path.format(id=own["id"], model=model["id"])
        foreign = await globex.send(method, foreign_path, json={"name": "x"}, status=404)
        assert foreign["code"] == "provider_not_found"

    async def test_with_settings_read_may_not_write(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        reply = await client.post("/api/v1/providers", headers=acme.reader, json=OWN)
        assert reply.status_code == 403


class TestShared:
    @pytest.mark.parametrize(
        ("model", "kind"),
        [
            ("gpt-3.5-turbo-16k", "llm"),
            ("gpt-4o", "llm"),
            ("gpt-4o-mini", "llm"),
            ("text-embedding-ada-002", "embedding"),
            ("text-embedding-3-large", "embedding"),
        ],
    )
    async def test_have_what_the_sdk_examples_name(
        self, acme: Company, model: str, kind: str
    ) -> None:
        openai = await provider_named(acme, "openai")
        assert (model, kind) in {(one["name"], one["type"]) for one in openai["models"]}

    async def test_change_for_one_company_only(self, acme: Company, globex: Company) -> None:
        openai = await provider_named(acme, "openai")
        assert openai["is_shared"]
        change = {"label": "Our OpenAI", "api_base_url": "https://proxy.example/v1"}
        await acme.send("PUT", f"/providers/{openai['id']}", json=change)
        mine = await provider_named(acme, "openai")
        assert (mine["id"], mine["label"]) == (openai["id"], "Our OpenAI")
        assert not mine["is_shared"]
        assert await provider_named(globex, "openai") == openai

    async def test_disappear_for_one_company_only(self, acme: Company, globex: Company) -> None:
        groq = await provider_named(acme, "groq")
        await acme.send("DELETE", f"/providers/{groq['id']}")
        assert "groq" not in await names(acme)
        assert "groq" in await names(globex)
        await acme.send("GET", f"/providers/{groq['id']}", status=404)

    async def test_models_change_for_one_company_only(self, acme: Company, globex: Company) -> None:
        openai = await provider_named(acme, "openai")
        (model,) = [one for one in openai["models"] if one["name"] == "gpt-4o"]
        path = f"/providers/{openai['id']}/models/{model['id']}"
        await acme.send("PUT", path, json={"input_price": 0.001})
        assert (await acme.send("GET", path))["model"]["cost_per_1k_tokens_input"] == 0.001
        assert (await globex.send("GET", path))["model"] == model
        await acme.send("DELETE", path)
        await acme.send("GET", path, status=404)
        await globex.send("GET", path)

    async def test_cannot_be_written_past_the_service(self, acme: Company) -> None:
        async with acme.resources.database.lean(acme.id) as connection:
            changed = await connection.execute("UPDATE providers SET label = 'mine'")
            deleted = await connection.execute("DELETE FROM models")
        assert (changed, deleted) == ("UPDATE 0", "DELETE 0")


class TestOwn:
    async def test_serve_agents_by_name(self, acme: Company) -> None:
        own = await acme.send("POST", "/providers", json=OWN, status=201)
        model = {"name": "m-1", "model_type": "llm", "context_length": 8000}
        await acme.send("POST", f"/providers/{own['id']}/models", json=model, status=201)
        agent = await acme.create_agent(llm_provider="OWN-cloud", llm_model="M-1")
        llm = (await acme.profile(agent["id"]))["llm"]
        assert (llm["base_url"], llm["model"]) == ("https://models.example/v1", "m-1")
        # Deleting it does not break the agents that use it.
        await acme.send("DELETE", f"/providers/{own['id']}")
        assert (await acme.profile(agent["id"]))["llm"]["model"] == "m-1"

    async def test_need_names_of_their_own(self, acme: Company) -> None:
        await acme.send("POST", "/providers", json=OWN, status=201)
        await acme.send("POST", "/providers", json=OWN, status=409)
        openai = {"value": "OpenAI", "label": "Mine", "provider_type": "both"}
        await acme.send("POST", "/providers", json=openai, status=409)
        provider = await provider_named(acme, "openai")
        path = f"/providers/{provider['id']}/models"
        await acme.send("POST", path, json={"name": "GPT-4o", "type": "llm"}, status=409)
        await acme.send("POST", path, json={"name": "gpt-9", "type": "telepathy"}, status=400)

    async def test_of_many_at_once_one_gets_a_name(self, acme: Company) -> None:
        replies = await asyncio.gather(
            *(write(acme, "POST", "/providers", json=OWN | {"name": "Rush"}) for _ in range(5))
        )

        assert sorted(reply.status_code for reply in replies) == [201, 409, 409, 409, 409]

    async def test_changes_to_a_shared_one_at_once_make_one_shadow(self, acme: Company) -> None:
        shared = await provider_named(acme, "openai")
        model = shared["models"][0]
        replies = await asyncio.gather(
            *(
                write(acme, "PUT", f"/providers/{shared['id']}", json={"description": text})
                for text in ("one", "two", "three")
            ),
            *(
                write(
                    acme,
                    "PUT",
                    f"/providers/{shared['id']}/models/{model['id']}",
                    json={"features": {}},
                )
                for _ in range(3)
            ),
        )

        assert {reply.status_code for reply in replies} == {200}

    async def test_import_in_bulk_once(self, acme: Company) -> None:
        body = {
            "providers": [
                {**OWN, "models": [{"name": "a", "type": "llm"}, {"name": "a", "type": "llm"}]},
                {"name": "openai", "models": [{"name": "gpt-9"}]},
            ]
        }
        one = await acme.send("POST", "/providers/bulk-import", json=body)
        assert (one["providers_created"], one["models_created"]) == (1, 2)
        again = await acme.send("POST", "/providers/bulk-import", json=body)
        assert (again["providers_created"], again["models_created"]) == (0, 0)
        await acme.send("GET", "/providers", params={"type": "EMBEDDING"})
