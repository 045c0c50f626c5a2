"""How agents behave, what they fall back on, and what they may spend, over HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.agents.cast import OPENAI_KEY, SDK_SETTINGS, Company

WEEK = {"timezone": "Europe/Berlin", "monday": "09:00-17:00", "friday": ["22-2"], "sunday": None}
BUDGETS = {
    "budgets": [
        {"period": "day", "tokens": 1000},
        {"period": "month", "usd": 2.5, "on_exhausted": "refuse"},
    ]
}


class TestBehaviour:
    async def test_is_kept_and_told_to_other_services(self, acme: Company) -> None:
        behaviour = {
            "tone": "dry",
            "grounding": "general",
            "citation_style": "numbers",
            "max_words": 50,
            "opening_message": "Hello!",
            "suggested_questions": ["What do you sell?"],
            "outside_hours": "say_so",
        }
        agent = await acme.create_agent(
            behaviour=behaviour, operating_hours=WEEK, languages=["en", "de"]
        )
        assert agent["behaviour"] == behaviour
        profile = await acme.profile(agent["id"])
        assert profile["behaviour"] == behaviour
        assert profile["languages"] == ["en", "de"]
        friday = 4 * 24 * 60
        spans = [[9 * 60, 17 * 60], [friday + 22 * 60, friday + 26 * 60]]
        assert profile["hours"] == {"timezone": "Europe/Berlin", "spans": spans}

    async def test_changes_field_by_field(self, acme: Company) -> None:
        agent = await acme.create_agent(behaviour={"tone": "dry", "max_words": 50})
        body = {"behaviour": {"tone": None, "citation_style": "none"}}
        reply = await acme.send("PUT", f"/agent/{agent['id']}", json=body)
        assert reply["agent"]["behaviour"] == {"max_words": 50, "citation_style": "none"}
        back = await acme.send("POST", f"/agent/{agent['id']}/version/1/publish", json={})
        assert back["agent"]["behaviour"] == {"tone": "dry", "max_words": 50}

    @pytest.mark.parametrize(
        "wrong",
        [
            {"behaviour": {"max_words": 1}},
            {"behaviour": {"grounding": "hearsay"}},
            {"behaviour": {"suggested_questions": [""]}},
            {"operating_hours": {"timezone": "Mars/Olympus", "monday": "9-17"}},
            {"operating_hours": {"monday": "all day"}},
            {"operating_hours": {"monday": "09:00-09:00"}},
            {"operating_hours": {"monday": {"open": "25:00", "close": "26:00"}}},
            {"operating_hours": {"monday": 7}},
            {"operating_hours": {"timezone": "../../etc/passwd"}},
        ],
    )
    async def test_is_checked(self, acme: Company, wrong: dict[str, Any]) -> None:
        reply = await acme.send("POST", "/agent", json={"name": "Ada", **wrong}, status=400)
        assert reply["code"] in {"validation_error", "bad_operating_hours"}

    async def test_leaves_hours_alone_that_name_no_day(self, acme: Company) -> None:
        agent = await acme.create_agent(operating_hours={"note": "mostly mornings"})
        assert agent["operating_hours"] == {"note": "mostly mornings"}
        assert (await acme.profile(agent["id"]))["hours"] is None

    async def test_shows_strangers_how_it_begins_and_no_more(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        behaviour = {
            "tone": "secretly sarcastic",
            "opening_message": "Hello!",
            "suggested_questions": ["What do you sell?"],
        }
        agent = await acme.create_agent(behaviour=behaviour)
        reply = await client.get(f"/api/v1/agent/{agent['id']}")
        assert "sarcastic" not in reply.text
        assert reply.json()["opening_message"] == "Hello!"
        assert reply.json()["agent"]["suggested_questions"] == ["What do you sell?"]


class TestFallbacks:
    async def test_are_told_in_order_without_what_cannot_be_called(self, acme: Company) -> None:
        made = []
        for model, key in (("gpt-4o", OPENAI_KEY), ("gpt-4.1", None), ("gpt-4.1-mini", "sk-x")):
            body = {**SDK_SETTINGS, "llm_model": model, "llm_api_key": key}
            made.append((await acme.send("POST", "/settings", json=body, status=201))["settings"])
        agent = await acme.create_agent(
            settings={**SDK_SETTINGS, "llm_api_key": OPENAI_KEY},
            fallback_settings_ids=[one["id"] for one in reversed(made)],
        )
        profile = await acme.profile(agent["id"])
        assert profile["llm"]["model"] == "gpt-4o-mini"
        assert [one["model"] for one in profile["fallbacks"]] == ["gpt-4.1-mini", "gpt-4o"]
        assert profile["fallbacks"][1]["api_key"] == OPENAI_KEY
        assert any("Not fallen back on" in warning for warning in profile["warnings"])

    async def test_of_another_company_are_unknown(self, acme: Company, globex: Company) -> None:
        foreign = (await globex.send("POST", "/settings", json=SDK_SETTINGS, status=201))[
            "settings"
        ]["id"]
        for wrong in (foreign, str(uuid4())):
            body = {"name": "Ada", "fallback_settings_ids": [wrong]}
            reply = await acme.send("POST", "/agent", json=body, status=404)
            assert reply["code"] == "settings_not_found"

    async def test_keep_their_settings_from_being_deleted(self, acme: Company) -> None:
        made = (await acme.send("POST", "/settings", json=SDK_SETTINGS, status=201))["settings"]
        agent = await acme.create_agent(fallback_settings_ids=[made["id"]])
        path = f"/settings/{made['id']}"
        assert (await acme.send("DELETE", path, status=409))["code"] == "settings_in_use"
        before = await acme.events()
        await acme.send("PUT", path, json={"llm_temperature": 0.1})
        assert "agent.updated" in (await acme.events())[len(before) :]

        url = f"/agent/{agent['id']}"
        await acme.send("PUT", url, json={"fallback_settings_ids": []})
        await acme.send("DELETE", path)
        back = await acme.send("POST", f"{url}/version/1/publish", json={})
        assert back["warnings"] == ["1 of the settings to fall back on are gone."]
        assert (await acme.send("GET", url))["agent"]["fallback_settings_ids"] == []


class TestBudgets:
    async def test_strangers_stay_out(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        agent = await acme.create_agent()
        for path in (f"/agent/{agent['id']}/budget", "/budget"):
            for method in ("GET", "PUT"):
                url = f"/api/v1{path}"
                assert (await client.request(method, url, json=BUDGETS)).status_code == 401
            reply = await client.put(f"/api/v1{path}", headers=acme.reader, json=BUDGETS)
            assert reply.status_code == 403
        for method in ("GET", "PUT"):
            path = f"/agent/{agent['id']}/budget"
            foreign = await globex.send(method, path, json=BUDGETS, status=404)
            unknown = await globex.send(
                method, f"/agent/{uuid4()}/budget", json=BUDGETS, status=404
            )
            assert foreign | {"request_id": ""} == unknown | {"request_id": ""}

    async def test_are_replaced_and_told_with_the_company_s(
        self, acme: Company, globex: Company
    ) -> None:
        agent = await acme.create_agent()
        path = f"/agent/{agent['id']}/budget"
        shown = await acme.send("PUT", path, json=BUDGETS)
        assert shown["budgets"] == [
            {"period": "day", "tokens": 1000, "usd": None, "on_exhausted": "quotes"},
            {"period": "month", "tokens": None, "usd": 2.5, "on_exhausted": "refuse"},
        ]
        body = {"budgets": [{"period": "month", "usd": 100}]}
        await acme.send("PUT", "/budget", json=body)
        await globex.send("PUT", "/budget", json={"budgets": [{"period": "day", "tokens": 1}]})
        told = (await acme.profile(agent["id"]))["budgets"]
        assert sorted((one["scope"], one["unit"], one["amount"]) for one in told) == [
            ("agent", "micros", 2_500_000),
            ("agent", "tokens", 1000),
            ("company", "micros", 100_000_000),
        ]
        assert (await acme.events()).count("budgets.changed") == 2
        await acme.send("PUT", path, json={"budgets": []})
        assert (await acme.send("GET", path))["budgets"] == []
        assert len((await acme.profile(agent["id"]))["budgets"]) == 1

    async def test_of_the_company_are_what_one_of_those_has_set_who_come_at_once(
        self, acme: Company
    ) -> None:
        sets = [BUDGETS["budgets"], BUDGETS["budgets"][::-1], BUDGETS["budgets"][:1]]
        for _ in range(4):
            await acme.send("PUT", "/budget", json={"budgets": []})
            bodies = [{"budgets": [{"period": "day", "usd": at}]} for at in range(4)]
            bodies += [{"budgets": one} for one in sets]
            await asyncio.gather(*(acme.send("PUT", "/budget", json=body) for body in bodies))
            found = (await acme.send("GET", "/budget"))["budgets"]
            assert len(found) == 1 or {one["usd"] for one in found} == {None, 2.5}

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"budgets": [{"period": "day"}]},
            {"budgets": [{"period": "day", "tokens": 1, "usd": 1}]},
            {"budgets": [{"period": "year", "tokens": 1}]},
            {"budgets": [{"period": "day", "tokens": -1}]},
            {"budgets": [{"period": "day", "tokens": 1}, {"period": "day", "tokens": 2}]},
        ],
    )
    async def test_are_checked(self, acme: Company, wrong: dict[str, Any]) -> None:
        await acme.send("PUT", "/budget", json=wrong, status=400)
