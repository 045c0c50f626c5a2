"""Agents over HTTP."""

from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.agents.cast import SDK_SETTINGS, Company

PUBLIC_FIELDS = {
    *("id", "name", "description", "avatar_url", "company_id"),
    *("opening_message", "suggested_questions"),
}
GUARDED = [
    ("GET", "/agent"),
    ("POST", "/agent"),
    ("POST", "/sdk/agent"),
    ("GET", "/agent/by-name/Ada"),
    ("PUT", "/agent/{id}"),
    ("PUT", "/sdk/agent/{id}"),
    ("DELETE", "/agent/{id}"),
    ("DELETE", "/sdk/agent/{id}"),
    ("PATCH", "/agent/{id}/restore"),
    ("POST", "/agent/{id}/clone"),
    ("GET", "/agent/{id}/embed-code"),
    ("GET", "/agent/{id}/stats"),
]


class TestStrangers:
    async def test_without_credentials_get_401(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        agent = await acme.create_agent()
        for method, path in GUARDED:
            reply = await client.request(method, "/api/v1" + path.format(id=agent["id"]), json={})
            assert reply.status_code == 401, path

    @pytest.mark.parametrize(("method", "path"), [row for row in GUARDED if "{id}" in row[1]])
    async def test_of_another_company_meet_the_same_404_as_for_unknown_ids(
        self, acme: Company, globex: Company, method: str, path: str
    ) -> None:
        agent = await acme.create_agent()
        foreign = await globex.send(method, path.format(id=agent["id"]), json={}, status=404)
        unknown = await globex.send(method, path.format(id=uuid4()), json={}, status=404)
        foreign.pop("request_id")
        unknown.pop("request_id")
        assert foreign == unknown
        assert foreign["code"] == "agent_not_found"

    async def test_with_read_scope_may_not_write(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        reply = await client.post("/api/v1/agent", headers=acme.reader, json={"name": "Ada"})
        assert reply.status_code == 403

    async def test_see_nothing_in_lists(self, acme: Company, globex: Company) -> None:
        await acme.create_agent(name="Acme's own")
        assert (await globex.send("GET", "/agent"))["agents"] == []
        await globex.send("GET", "/agent/by-name/acme's own", status=404)
        await globex.send("GET", "/agent", params={"company_id": str(acme.id)}, status=404)


class TestPublicFace:
    async def test_shows_seven_fields_of_an_active_agent(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        agent = await acme.create_agent(description="Helps", instructions="The secret plan")
        anonymous = (await client.get(f"/api/v1/agent/{agent['id']}")).json()
        stranger = await globex.send("GET", f"/agent/{agent['id']}")
        lead = (await client.get(f"/api/v1/agent/{agent['id']}", headers=acme.lead)).json()
        assert set(anonymous) == PUBLIC_FIELDS | {"agent"}
        assert set(anonymous["agent"]) == PUBLIC_FIELDS
        assert anonymous["agent"]["company_id"] == str(acme.id)
        assert stranger == anonymous == lead

    async def test_ignores_bad_credentials(self, client: httpx.AsyncClient, acme: Company) -> None:
        agent = await acme.create_agent()
        reply = await client.get(
            f"/api/v1/agent/{agent['id']}", headers={"authorization": "Bearer nobody"}
        )
        assert reply.status_code == 200
        assert set(reply.json()["agent"]) == PUBLIC_FIELDS

    @pytest.mark.parametrize("status", ["inactive", "training", "maintenance"])
    async def test_hides_agents_that_are_not_active(
        self, client: httpx.AsyncClient, acme: Company, status: str
    ) -> None:
        agent = await acme.create_agent(status=status)
        hidden = await client.get(f"/api/v1/agent/{agent['id']}")
        unknown = await client.get(f"/api/v1/agent/{uuid4()}")
        assert hidden.status_code == unknown.status_code == 404
        assert hidden.json()["error"] == unknown.json()["error"]
        own = await acme.send("GET", f"/agent/{agent['id']}")
        assert own["agent"]["status"] == status

    async def test_hides_deleted_agents(self, client: httpx.AsyncClient, acme: Company) -> None:
        agent = await acme.create_agent()
        await acme.send("DELETE", f"/agent/{agent['id']}")
        assert (await client.get(f"/api/v1/agent/{agent['id']}")).status_code == 404
        await acme.send("GET", f"/agent/{agent['id']}", status=404)


class TestCreate:
    async def test_needs_only_a_name(self, acme: Company) -> None:
        reply = await acme.send("POST", "/agent", json={"name": " Ada "}, status=201)
        assert reply["name"] == reply["agent"]["name"] == "Ada"
        assert reply["agent"]["status"] == "active"
        assert reply["settings"]["llm_provider"] == "knowrithm-local"
        assert reply["settings"]["embedding_model_name"] == "bge-small-en-v1.5"
        assert "quotes" in reply["warnings"][0]

    async def test_by_sdk_takes_names_in_settings(self, acme: Company) -> None:
        body = {"name": "Ada", "status": "active", "settings": SDK_SETTINGS}
        reply = await acme.send("POST", "/sdk/agent", json=body, status=201)
        assert reply["agent"]["id"] == reply["id"]
        assert reply["agent"]["model_name"] == "gpt-4o-mini"
        assert reply["settings"]["llm_provider_label"] == "OpenAI"
        assert reply["settings"]["embedding_dimension"] == 3072
        assert reply["settings"]["effective"]["embedding"]["source"] == "platform"
        assert any("platform's embeddings" in warning for warning in reply["warnings"])
        assert any("quotes" in warning for warning in reply["warnings"])

    async def test_by_sdk_takes_ids_at_the_top_level(self, acme: Company) -> None:
        providers = await acme.send("GET", "/providers", params={"include_models": "True"})
        (openai,) = [one for one in providers["providers"] if one["name"] == "openai"]
        models = {model["name"]: model["id"] for model in openai["models"]}
        body = {
            "name": "Ada",
            "llm_provider_id": openai["id"],
            "llm_model_id": models["gpt-3.5-turbo-16k"],
            "embedding_provider_id": openai["id"],
            "embedding_model_id": models["text-embedding-ada-002"],
            "llm_temperature": 0.2,
        }
        reply = await acme.send("POST", "/sdk/agent", json=body, status=201)
        assert reply["settings"]["llm_model_name"] == "gpt-3.5-turbo-16k"
        assert reply["agent"]["temperature"] == 0.2

    async def test_says_which_models_there_are(self, acme: Company) -> None:
        wrong = {**SDK_SETTINGS, "llm_model": "gpt-9000"}
        body = {"name": "Ada", "settings": wrong}
        reply = await acme.send("POST", "/sdk/agent", json=body, status=400)
        assert reply["code"] == "unknown_model"
        assert "gpt-4o-mini" in reply["error"]
        wrong = {**SDK_SETTINGS, "llm_provider": "skynet"}
        reply = await acme.send("POST", "/agent", json={"name": "Ada", **wrong}, status=400)
        assert reply["code"] == "unknown_provider"
        assert "anthropic" in reply["details"]["available"]
        # Nothing was made on the way.
        assert (await acme.send("GET", "/agent"))["pagination"]["total"] == 0

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": ""},
            {"name": "x" * 201},
            {"name": "Ada\x00"},
            {"name": "Ada", "status": "asleep"},
            {"name": "Ada", "llm_temperature": 3},
            {"name": "Ada", "avatar_url": "javascript:alert(1)"},
            {"name": "Ada", "personality_traits": {"tone": "x\x00"}},
            {"name": "Ada", "personality_traits": {"tone": "x" * 20_000}},
            {},
        ],
    )
    async def test_refuses_what_cannot_be(self, acme: Company, fields: dict[str, object]) -> None:
        await acme.send("POST", "/agent", json=fields, status=400)

    async def test_uses_the_companys_default_settings(self, acme: Company) -> None:
        made = await acme.send(
            "POST", "/settings", json={**SDK_SETTINGS, "is_default": True}, status=201
        )
        agent = await acme.create_agent()
        assert agent["llm_settings_id"] == made["id"]

    async def test_refuses_foreign_settings(self, acme: Company, globex: Company) -> None:
        made = await globex.send("POST", "/settings", json=SDK_SETTINGS, status=201)
        body = {"name": "Ada", "llm_settings_id": made["id"]}
        await acme.send("POST", "/agent", json=body, status=404)


class TestList:
    async def test_pages_stay_put_while_agents_are_added(self, acme: Company) -> None:
        names = [f"Agent {number}" for number in range(5)]
        for name in names:
            await acme.create_agent(name=name)
        first = await acme.send("GET", "/agent", params={"page": 1, "per_page": 2})
        await acme.create_agent(name="Latecomer")
        second = await acme.send("GET", "/agent", params={"page": 2, "per_page": 2})
        shown = [agent["name"] for agent in first["agents"] + second["data"]]
        assert shown == names[:4]
        assert first["pagination"] == {
            "page": 1,
            "per_page": 2,
            "total": 5,
            "pages": 3,
            "has_next": True,
            "has_prev": False,
        }

    async def test_searches_and_filters(self, acme: Company) -> None:
        await acme.create_agent(name="100% wool")
        await acme.create_agent(name="Cotton", status="inactive")
        found = await acme.send("GET", "/agent", params={"search": "0% W"})
        assert [agent["name"] for agent in found["agents"]] == ["100% wool"]
        found = await acme.send("GET", "/agent", params={"status": "inactive"})
        assert [agent["name"] for agent in found["agents"]] == ["Cotton"]
        await acme.send("GET", "/agent", params={"search": "\x00"}, status=400)
        await acme.send("GET", "/agent", params={"page": 0}, status=400)
        assert (await acme.send("GET", "/agent", params={"per_page": 5000}))["pagination"][
            "per_page"
        ] == 100

    @pytest.mark.parametrize("name", ["Ada", "R&D/Legal", "stats", "100% näm"])
    async def test_finds_by_name_in_any_case(self, acme: Company, name: str) -> None:
        agent = await acme.create_agent(name=name)
        found = await acme.send("GET", f"/agent/by-name/{quote(name.upper(), safe='')}")
        assert found["agent"]["id"] == agent["id"]


class TestUpdate:
    @pytest.mark.parametrize("prefix", ["", "/sdk"])
    async def test_keeps_what_is_left_out(self, acme: Company, prefix: str) -> None:
        agent = await acme.create_agent(description="Helps", languages=["en"])
        reply = await acme.send(
            "PUT", f"{prefix}/agent/{agent['id']}", json={"name": "Bea", "description": None}
        )
        assert reply["agent"]["name"] == "Bea"
        assert reply["agent"]["description"] is None
        assert reply["agent"]["languages"] == ["en"]
        assert reply["agent"]["version"] == agent["version"] + 1

    async def test_changes_models_of_this_agent_only(self, acme: Company) -> None:
        shared = await acme.send("POST", "/settings", json=SDK_SETTINGS, status=201)
        one = await acme.create_agent(llm_settings_id=shared["id"])
        other = await acme.create_agent(llm_settings_id=shared["id"])
        reply = await acme.send("PUT", f"/agent/{one['id']}", json={"llm_temperature": 0.1})
        assert reply["settings"]["id"] != shared["id"]
        assert reply["settings"]["llm_model"] == "gpt-4o-mini"
        assert reply["agent"]["temperature"] == 0.1
        untouched = await acme.send("GET", f"/agent/{other['id']}")
        assert untouched["agent"]["temperature"] == 0.7


class TestDelete:
    @pytest.mark.parametrize("prefix", ["", "/sdk"])
    async def test_can_be_undone(self, acme: Company, prefix: str) -> None:
        agent = await acme.create_agent()
        gone = await acme.send("DELETE", f"{prefix}/agent/{agent['id']}")
        assert gone["agent_id"] == agent["id"]
        await acme.send("DELETE", f"/agent/{agent['id']}", status=404)
        back = await acme.send("PATCH", f"/agent/{agent['id']}/restore")
        assert back["agent"]["id"] == agent["id"]
        await acme.send("PATCH", f"/agent/{agent['id']}/restore", status=400)
        assert await acme.events() == ["agent.created", "agent.deleted", "agent.restored"]

    async def test_waits_for_active_conversations(self, acme: Company) -> None:
        agent = await acme.create_agent()
        async with acme.resources.database.lean(acme.id) as connection:
            await connection.execute(
                "INSERT INTO agent_stats (tenant_id, agent_id, active_conversations)"
                " VALUES ($1, $2, 2)",
                acme.id,
                agent["id"],
            )
        reply = await acme.send("DELETE", f"/agent/{agent['id']}", status=400)
        assert reply["code"] == "agent_in_use"


class TestClone:
    async def test_is_inactive_and_on_its_own(self, acme: Company) -> None:
        key = {"llm_api_key": "sk-0123456789abcdef0123"}
        agent = await acme.create_agent(settings={**SDK_SETTINGS, **key}, instructions="Be brief")
        reply = await acme.send("POST", f"/agent/{agent['id']}/clone", status=201)
        assert reply["agent"]["status"] == "inactive"
        assert reply["agent"]["name"] == "Ada (copy)"
        assert reply["agent"]["llm_settings_id"] != agent["llm_settings_id"]
        # The key was encrypted anew for its new row, and can be used.
        profile = await acme.profile(reply["id"])
        assert profile["llm"]["api_key"] == key["llm_api_key"]
        assert profile["instructions"] == "Be brief"

    async def test_takes_a_form_without_a_body(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        agent = await acme.create_agent()
        headers = {**acme.admin, "content-type": "application/x-www-form-urlencoded"}
        reply = await client.post(f"/api/v1/agent/{agent['id']}/clone", headers=headers)
        assert reply.status_code == 201


class TestEmbedCode:
    async def test_escapes_what_the_tenant_wrote(self, acme: Company) -> None:
        agent = await acme.create_agent(
            name='"><script>alert(1)</script>',
            settings={"widget_config": {"primary_color": '"><b>', "auto_open": True}},
        )
        code = await acme.send("GET", f"/agent/{agent['id']}/embed-code")
        assert "<script>alert" not in code["advanced"]
        assert "<b>" not in code["advanced"]
        assert 'data-auto-open="true"' in code["advanced"]
        assert agent["id"] in code["embed_code"]

    async def test_needs_settings(self, acme: Company) -> None:
        agent = await acme.create_agent()
        await acme.send("DELETE", f"/agent/{agent['id']}")
        await acme.send("DELETE", f"/settings/{agent['llm_settings_id']}")
        await acme.send("PATCH", f"/agent/{agent['id']}/restore")
        reply = await acme.send("GET", f"/agent/{agent['id']}/embed-code", status=400)
        assert reply["code"] == "agent_without_settings"


class TestStats:
    async def test_begin_at_nothing(self, acme: Company) -> None:
        agent = await acme.create_agent(settings=SDK_SETTINGS)
        stats = await acme.send("GET", f"/agent/{agent['id']}/stats")
        assert stats["agent_name"] == "Ada"
        assert stats["llm_model"] == "gpt-4o-mini"
        assert stats["total_messages"] == stats["documents_count"] == 0
