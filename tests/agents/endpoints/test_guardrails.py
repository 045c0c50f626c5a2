"""What a company sets about all that its agents say."""

import httpx
import pytest

from tests.agents.cast import Company

PATH = "/settings/guardrails"
DEFAULTS = {"link_hosts": [], "mask_personal_data": False, "report_suspicions": False}


class TestStrangers:
    async def test_without_credentials_get_401(self, client: httpx.AsyncClient) -> None:
        for method in ("GET", "PUT"):
            reply = await client.request(method, f"/api/v1{PATH}", json=DEFAULTS)
            assert reply.status_code == 401

    async def test_of_another_company_have_their_own(self, acme: Company, globex: Company) -> None:
        await acme.send("PUT", PATH, json={**DEFAULTS, "mask_personal_data": True})
        assert await globex.send("GET", PATH) == DEFAULTS

    async def test_readers_may_not_set(self, client: httpx.AsyncClient, acme: Company) -> None:
        reply = await client.put(f"/api/v1{PATH}", headers=acme.reader, json=DEFAULTS)
        assert reply.status_code == 403


class TestGuardrails:
    async def test_are_set_as_a_whole_and_reach_the_profile(self, acme: Company) -> None:
        agent = await acme.send("POST", "/agent", json={"name": "Ada"}, status=201)
        wanted = {
            "link_hosts": ["Docs.Example.com.", "docs.example.com", "example.org"],
            "mask_personal_data": True,
            "report_suspicions": True,
        }
        shown = await acme.send("PUT", PATH, json=wanted)
        assert shown["link_hosts"] == ["docs.example.com", "example.org"]
        profile = await acme.profile(agent["agent"]["id"])
        assert profile["guardrails"] == shown
        await acme.send("PUT", PATH, json={})
        assert await acme.send("GET", PATH) == DEFAULTS

    @pytest.mark.parametrize(
        "host",
        ["https://x.example", "x.example:80", "x.example/a", "localhost", "1.2.3.4", "", "*.x.y"],
    )
    async def test_name_hosts_and_nothing_else(self, acme: Company, host: str) -> None:
        error = await acme.send("PUT", PATH, json={"link_hosts": [host]}, status=400)
        assert error["code"] == "bad_link_host"
