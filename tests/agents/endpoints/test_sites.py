"""On which sites an agent's widget may be used, and who is told."""

import httpx
import pytest

from libs.common.security import ServiceTokens
from tests.agents.cast import Company


def service(peer: ServiceTokens) -> dict[str, str]:
    return {"authorization": f"Bearer {peer.token_for('agents')}"}


class TestSites:
    async def test_strangers_and_other_companies_stay_out(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        path = f"/api/v1/agent/{(await acme.create_agent())['id']}/sites"
        body = {"sites": ["https://evil.test"]}

        assert (await client.get(path)).status_code == 401
        assert (await client.put(path, json=body)).status_code == 401
        assert (await client.put(path, json=body, headers=acme.reader)).status_code == 403
        assert (await client.get(path, headers=globex.admin)).status_code == 404
        assert (await client.put(path, json=body, headers=globex.admin)).status_code == 404
        assert (await client.get(path, headers=acme.admin)).json()["sites"] == []

    async def test_are_kept_as_browsers_name_them(self, acme: Company) -> None:
        agent = await acme.create_agent()
        given = [
            "Shop.Example.com",
            "https://shop.example.com/help?x",
            "http://localhost:3000",
            "https://*.example.org:443",
            "https://bücher.example",
        ]
        reply = await acme.send("PUT", f"/agent/{agent['id']}/sites", json={"sites": given})

        assert reply["sites"] == [
            "https://shop.example.com",
            "http://localhost:3000",
            "https://*.example.org",
            "https://xn--bcher-kva.example",
        ]
        assert await acme.send("GET", f"/agent/{agent['id']}/sites") == reply

    @pytest.mark.parametrize(
        "site", ["", "ftp://a.example", "https://u:p@a.example", "https://a.*.example", "a b", "*"]
    )
    async def test_refuses_what_is_no_site(self, acme: Company, site: str) -> None:
        agent = await acme.create_agent()
        reply = await acme.send(
            "PUT", f"/agent/{agent['id']}/sites", json={"sites": [site]}, status=400
        )

        assert reply["code"] == "site_invalid"


class TestWidgetAgents:
    async def test_services_learn_whose_an_active_agent_is(
        self, client: httpx.AsyncClient, acme: Company, peer: ServiceTokens
    ) -> None:
        agent = await acme.create_agent()
        await acme.send("PUT", f"/agent/{agent['id']}/sites", json={"sites": ["a.example"]})
        path = f"/internal/widget-agents/{agent['id']}"

        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=acme.admin)).status_code == 401
        known = await client.get(path, headers=service(peer))
        await acme.send("PUT", f"/agent/{agent['id']}", json={"status": "inactive"})
        inactive = await client.get(path, headers=service(peer))

        assert known.json() == {
            "id": agent["id"],
            "tenant_id": str(acme.id),
            "name": "Ada",
            "allowed_sites": ["https://a.example"],
        }
        assert inactive.status_code == 404
