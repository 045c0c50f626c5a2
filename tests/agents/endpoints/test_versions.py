"""Versions of agents over HTTP: kept, compared, gone back to, drafted, and run side by side."""

import asyncio
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
import pytest

from libs.common.events.catalogue.conversations import AnswerCompleted
from libs.common.ids import new_id
from libs.common.security import Scope
from services.agents.workers.events import count_all
from tests.agents.cast import OPENAI_KEY, SDK_SETTINGS, Callers, ChatModel, Company
from tests.agents.workers.test_events import delivered

GUARDED = [
    ("GET", "/agent/{id}/version"),
    ("POST", "/agent/{id}/version"),
    ("GET", "/agent/{id}/version/1"),
    ("GET", "/agent/{id}/version/1/diff"),
    ("POST", "/agent/{id}/version/1/publish"),
    ("GET", "/agent/{id}/split"),
    ("PUT", "/agent/{id}/split"),
    ("DELETE", "/agent/{id}/split"),
]
SPLIT = {"version": 2, "percent": 30}


class TestStrangers:
    async def test_without_credentials_get_401(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        agent = await acme.create_agent()
        for method, path in GUARDED:
            url = "/api/v1" + path.format(id=agent["id"])
            assert (await client.request(method, url, json=SPLIT)).status_code == 401, path

    @pytest.mark.parametrize(("method", "path"), GUARDED)
    async def test_of_another_company_meet_the_same_404_as_for_unknown_ids(
        self, acme: Company, globex: Company, method: str, path: str
    ) -> None:
        agent = await acme.create_agent()
        foreign = await globex.send(method, path.format(id=agent["id"]), json=SPLIT, status=404)
        unknown = await globex.send(method, path.format(id=uuid4()), json=SPLIT, status=404)
        foreign.pop("request_id")
        unknown.pop("request_id")
        assert foreign == unknown
        assert foreign["code"] == "agent_not_found"

    async def test_with_read_scope_may_look_and_change_nothing(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        agent = await acme.create_agent()
        url = f"/api/v1/agent/{agent['id']}"
        assert (await client.get(f"{url}/version", headers=acme.reader)).status_code == 200
        for method, path in (("POST", "version"), ("POST", "version/1/publish"), ("PUT", "split")):
            reply = await client.request(method, f"{url}/{path}", headers=acme.reader, json=SPLIT)
            assert reply.status_code == 403, path

    async def test_row_level_security_lets_nobody_change_a_version(self, acme: Company) -> None:
        agent = await acme.create_agent()
        with pytest.raises(Exception, match="permission denied"):
            async with acme.resources.database.lean(acme.id) as connection:
                await connection.execute(
                    "UPDATE agent_versions SET note = 'x' WHERE agent_id = $1", UUID(agent["id"])
                )


async def versions(company: Company, agent_id: str) -> list[dict[str, Any]]:
    """Return an agent's versions, newest first."""
    listed: list[dict[str, Any]] = (await company.send("GET", f"/agent/{agent_id}/version"))[
        "versions"
    ]
    return listed


class TestKeeping:
    async def test_every_change_makes_one_version_and_says_who(self, acme: Company) -> None:
        agent = await acme.create_agent(instructions="Be brief.")
        url = f"/agent/{agent['id']}"
        await acme.send("PUT", url, json={"instructions": "Be kind."})
        await acme.send("PUT", url, json={"llm_temperature": 0.1})
        await acme.send("PUT", url, json={"instructions": "Be kind."})
        listed = await versions(acme, agent["id"])
        assert [one["number"] for one in listed] == [3, 2, 1]
        assert [one["is_live"] for one in listed] == [True, False, False]
        assert not any(one["is_draft"] for one in listed)
        assert {one["created_by_kind"] for one in listed} == {"user"}
        assert len({one["created_by"] for one in listed}) == 1
        shown = (await acme.send("GET", url))["agent"]
        assert shown["live_version"] == 3

    async def test_holds_settings_by_value_and_no_key(self, acme: Company) -> None:
        settings = {**SDK_SETTINGS, "llm_api_key": OPENAI_KEY, "llm_temperature": 0.3}
        agent = await acme.create_agent(settings=settings)
        reply = await acme.send("GET", f"/agent/{agent['id']}/version/1")
        assert reply["settings"]["llm_temperature"] == 0.3
        assert reply["settings"]["names"]["llm_model"] == "gpt-4o-mini"
        assert OPENAI_KEY not in str(reply)
        assert OPENAI_KEY[-4:] not in str(reply)

    async def test_hides_settings_from_who_may_not_read_them(
        self, client: httpx.AsyncClient, acme: Company, callers: Callers
    ) -> None:
        agent = await acme.create_agent()
        await acme.send("PUT", f"/agent/{agent['id']}", json={"llm_temperature": 0.1})
        headers = callers.add(acme.id, frozenset({Scope.AGENTS_READ}))
        url = f"/api/v1/agent/{agent['id']}/version/2"
        assert (await client.get(url, headers=headers)).json()["settings"] is None
        diff = await client.get(f"{url}/diff?against=1", headers=headers)
        assert diff.json()["changes"] == []

    async def test_shared_settings_make_a_version_of_each_agent(self, acme: Company) -> None:
        shared = (await acme.send("POST", "/settings", json=SDK_SETTINGS, status=201))["settings"]
        agents = [
            await acme.create_agent(name=f"Ada {n}", llm_settings_id=shared["id"]) for n in range(2)
        ]
        await acme.send("PUT", f"/settings/{shared['id']}", json={"llm_temperature": 0.9})
        for agent in agents:
            newest = (await versions(acme, agent["id"]))[0]
            assert (newest["number"], newest["action"], newest["is_live"]) == (2, "settings", True)

    async def test_an_agent_from_before_gets_its_first_version_before_it_changes(
        self, acme: Company
    ) -> None:
        agent = await acme.create_agent(instructions="Old.")
        async with acme.resources.database.lean(acme.id) as connection:
            await connection.execute("UPDATE agents SET live_version = NULL")
        # Versions cannot be deleted, so this one counts on: what matters is that Old. was kept.
        await acme.send("PUT", f"/agent/{agent['id']}", json={"instructions": "New."})
        listed = await versions(acme, agent["id"])
        assert [one["action"] for one in listed] == ["updated", "found", "created"]
        found = await acme.send("GET", f"/agent/{agent['id']}/version/2")
        assert found["agent"]["instructions"] == "Old."

    async def test_diff_names_what_changed(self, acme: Company) -> None:
        agent = await acme.create_agent(instructions="Be brief.", languages=["en"])
        url = f"/agent/{agent['id']}"
        await acme.send("PUT", url, json={"instructions": "Be kind.", "llm_temperature": 0.1})
        reply = await acme.send("GET", f"{url}/version/1/diff")
        assert (reply["before"], reply["after"]) == (2, 1)
        assert reply["changes"] == [
            {"field": "instructions", "before": "Be kind.", "after": "Be brief."},
            {"field": "settings.llm_temperature", "before": 0.1, "after": 0.7},
        ]
        missing = await acme.send("GET", f"{url}/version/9/diff", status=404)
        assert missing["code"] == "version_not_found"


class TestGoingBack:
    async def test_restores_agent_model_and_key(self, acme: Company, chat_model: ChatModel) -> None:
        old = {
            **SDK_SETTINGS,
            "llm_api_base_url": chat_model.base_url,
            "llm_api_key": OPENAI_KEY,
            "llm_temperature": 0.2,
        }
        agent = await acme.create_agent(instructions="Good.", settings=old)
        url = f"/agent/{agent['id']}"
        other = {
            "llm_provider": "mistral",
            "llm_model": "mistral-small-latest",
            "llm_api_base_url": None,
            "llm_api_key": "another-key-for-mistral",
            "llm_temperature": 1.5,
        }
        await acme.send("PUT", url, json={"instructions": "Bad.", "settings": other})
        bad = await acme.profile(agent["id"])
        assert bad["llm"]["provider"] == "mistral"
        assert bad["number"] == 2

        reply = await acme.send("POST", f"{url}/version/1/publish", json={})
        assert reply["is_live"]
        assert reply["warnings"] == []
        good = await acme.profile(agent["id"])
        assert good["instructions"] == "Good."
        assert good["llm"]["model"] == "gpt-4o-mini"
        assert good["llm"]["api_key"] == OPENAI_KEY
        assert good["llm"]["temperature"] == 0.2
        assert good["number"] == 1
        assert good["version"] > bad["version"]
        # And forward again; nothing was lost on the way.
        await acme.send("POST", f"{url}/version/2/publish", json={})
        again = await acme.profile(agent["id"])
        assert again["llm"]["api_key"] == "another-key-for-mistral"
        assert again["instructions"] == "Bad."
        assert [one["number"] for one in await versions(acme, agent["id"])] == [2, 1]

    async def test_tells_caches(self, acme: Company) -> None:
        agent = await acme.create_agent()
        url = f"/agent/{agent['id']}"
        await acme.send("PUT", url, json={"instructions": "New."})
        before = await acme.events()
        await acme.send("POST", f"{url}/version/1/publish", json={})
        assert (await acme.events())[len(before) :].count("agent.updated") == 1
        await acme.send("POST", f"{url}/version/1/publish", json={})
        assert len(await acme.events()) == len(before) + 1

    async def test_leaves_settings_alone_that_others_share(self, acme: Company) -> None:
        shared = (await acme.send("POST", "/settings", json=SDK_SETTINGS, status=201))["settings"]
        one = await acme.create_agent(name="One", llm_settings_id=shared["id"])
        other = await acme.create_agent(name="Other", llm_settings_id=shared["id"])
        await acme.send("PUT", f"/settings/{shared['id']}", json={"llm_temperature": 0.9})
        await acme.send("POST", f"/agent/{one['id']}/version/1/publish", json={})
        assert (await acme.send("GET", f"/agent/{one['id']}"))["agent"]["temperature"] == 0.7
        assert (await acme.send("GET", f"/agent/{other['id']}"))["agent"]["temperature"] == 0.9

    async def test_a_key_that_was_taken_away_stays_away(self, acme: Company) -> None:
        agent = await acme.create_agent(settings={**SDK_SETTINGS, "llm_api_key": OPENAI_KEY})
        url = f"/agent/{agent['id']}"
        await acme.send("PUT", url, json={"llm_api_key": "", "llm_temperature": 0.1})
        reply = await acme.send("POST", f"{url}/version/1/publish", json={})
        assert any("llm_api_key" in warning for warning in reply["warnings"])
        assert (await acme.profile(agent["id"]))["llm"] is None
        async with acme.resources.database.lean(acme.id) as connection:
            assert await connection.fetchval("SELECT count(*) FROM agent_keys") == 0

    async def test_does_not_switch_an_agent_on_or_off(self, acme: Company) -> None:
        agent = await acme.create_agent()
        url = f"/agent/{agent['id']}"
        await acme.send("PUT", url, json={"instructions": "New.", "status": "inactive"})
        await acme.send("POST", f"{url}/version/1/publish", json={})
        assert (await acme.send("GET", url))["agent"]["status"] == "inactive"

    async def test_parallel_changes_get_numbers_of_their_own(self, acme: Company) -> None:
        agent = await acme.create_agent()
        url = f"/agent/{agent['id']}"
        await asyncio.gather(
            *(acme.send("PUT", url, json={"instructions": f"Way {n}"}) for n in range(8))
        )
        listed = await versions(acme, agent["id"])
        assert sorted(one["number"] for one in listed) == list(range(1, 10))
        assert [one["number"] for one in listed if one["is_live"]] == [9]


class TestDrafts:
    async def test_change_nothing_until_published(self, acme: Company) -> None:
        agent = await acme.create_agent(instructions="Live.")
        url = f"/agent/{agent['id']}"
        body = {"instructions": "Draft.", "settings": {"llm_temperature": 0.1}, "note": "Colder"}
        draft = await acme.send("POST", f"{url}/version", json=body, status=201)
        assert (draft["number"], draft["is_live"], draft["is_draft"]) == (2, False, True)
        assert draft["note"] == "Colder"
        assert (await acme.profile(agent["id"]))["instructions"] == "Live."
        await acme.send("POST", f"{url}/version/2/publish", json={})
        profile = await acme.profile(agent["id"])
        assert profile["instructions"] == "Draft."
        assert (await acme.send("GET", url))["agent"]["temperature"] == 0.1

    async def test_bring_a_model_and_its_key_along(self, acme: Company) -> None:
        agent = await acme.create_agent()
        url = f"/agent/{agent['id']}"
        settings = {**SDK_SETTINGS, "llm_api_key": OPENAI_KEY}
        await acme.send("POST", f"{url}/version", json={"settings": settings}, status=201)
        assert (await acme.profile(agent["id"]))["llm"] is None
        await acme.send("POST", f"{url}/version/2/publish", json={})
        assert (await acme.profile(agent["id"]))["llm"]["api_key"] == OPENAI_KEY

    async def test_are_checked_like_changes(self, acme: Company) -> None:
        agent = await acme.create_agent()
        url = f"/agent/{agent['id']}/version"
        wrong = {"settings": {**SDK_SETTINGS, "llm_model": "gpt-9000"}}
        assert (await acme.send("POST", url, json=wrong, status=400))["code"] == "unknown_model"
        await acme.send("POST", url, json={"based_on": 7}, status=404)
        assert len(await versions(acme, agent["id"])) == 1


class TestSplit:
    async def test_gives_conversations_both_profiles(self, acme: Company) -> None:
        agent = await acme.create_agent(instructions="Live.")
        url = f"/agent/{agent['id']}"
        settings = {**SDK_SETTINGS, "llm_api_key": OPENAI_KEY}
        draft = {"instructions": "Candidate.", "settings": settings}
        await acme.send("POST", f"{url}/version", json=draft, status=201)
        reply = await acme.send("PUT", f"{url}/split", json=SPLIT)
        assert (reply["live"]["version"], reply["live"]["percent"]) == (1, 70)
        assert (reply["candidate"]["version"], reply["candidate"]["percent"]) == (2, 30)
        profile = await acme.profile(agent["id"])
        assert profile["instructions"] == "Live."
        assert profile["split"]["percent"] == 30
        candidate = profile["split"]["profile"]
        assert candidate["instructions"] == "Candidate."
        assert candidate["number"] == 2
        assert candidate["llm"]["api_key"] == OPENAI_KEY

        await acme.send("DELETE", f"{url}/split")
        assert (await acme.profile(agent["id"]))["split"] is None

    async def test_ends_when_the_candidate_goes_live(self, acme: Company) -> None:
        agent = await acme.create_agent()
        url = f"/agent/{agent['id']}"
        await acme.send("POST", f"{url}/version", json={"instructions": "B"}, status=201)
        await acme.send("PUT", f"{url}/split", json=SPLIT)
        await acme.send("POST", f"{url}/version/2/publish", json={})
        assert (await acme.send("GET", f"{url}/split"))["candidate"] is None

    async def test_refuses_the_live_version_and_unknown_ones(self, acme: Company) -> None:
        agent = await acme.create_agent()
        url = f"/agent/{agent['id']}/split"
        live = await acme.send("PUT", url, json={"version": 1, "percent": 10}, status=400)
        assert live["code"] == "split_not_allowed"
        await acme.send("PUT", url, json=SPLIT, status=404)
        await acme.send("PUT", url, json={"version": 2, "percent": 101}, status=400)

    async def test_shows_results_side_by_side(self, acme: Company) -> None:
        agent = await acme.create_agent()
        url = f"/agent/{agent['id']}"
        await acme.send("POST", f"{url}/version", json={"instructions": "B"}, status=201)
        await acme.send("PUT", f"{url}/split", json=SPLIT)
        told: list[tuple[int | None, Literal["generated", "refused"]]] = [
            (1, "generated"),
            (1, "refused"),
            (2, "generated"),
            (None, "generated"),
        ]
        events = [
            AnswerCompleted(
                answer_id=new_id(),
                conversation_id=new_id(),
                agent_id=UUID(agent["id"]),
                mode=mode,
                prompt_tokens=100,
                completion_tokens=10,
                cost_micros=500,
                duration_ms=200,
                citation_count=2,
                agent_version=number,
            )
            for number, mode in told
        ]
        async with acme.resources.database.session(acme.id) as session:
            await count_all([delivered(one, acme.id) for one in events], session)
        reply = await acme.send("GET", f"{url}/split")
        live, candidate = reply["live"]["results"], reply["candidate"]["results"]
        assert (live["answers"], live["refused"], live["refusal_rate"]) == (2, 1, 0.5)
        assert (candidate["answers"], candidate["prompt_tokens"]) == (1, 100)
        assert candidate["average_duration_ms"] == 200.0
        assert candidate["cost_usd"] == 0.0005
        stats = await acme.send("GET", f"{url}/stats")
        assert stats["total_answers"] == 4
