"""Websites over HTTP: who may, what is answered, and what a greeting may do."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from services.documents.use_cases.greet_website import Greeting
from services.documents.wiring import Wiring
from tests.documents.endpoints.conftest import Company

ROUTES = [
    ("POST", "/website/source"),
    ("GET", "/website/source"),
    ("GET", "/website/{id}"),
    ("PUT", "/website/source/{id}"),
    ("DELETE", "/website/source/{id}"),
    ("DELETE", "/sdk/website/source/{id}"),
    ("POST", "/website/source/{id}/crawl"),
    ("POST", "/website/source/{id}/cancel"),
    ("POST", "/sdk/website/source/{id}/crawl"),
    ("GET", "/website/source/{id}/pages"),
]


async def add(company: Company, url: str = "https://shop.example/", **more: Any) -> dict[str, Any]:
    body = {"agent_id": str(company.agent_id), "base_url": url, **more}
    reply = await company.request("POST", "/website/source", json=body)
    assert reply.status_code == 201, reply.text
    website: dict[str, Any] = reply.json()["website_source"]
    return website


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_strangers_are_nobody(client: httpx.AsyncClient, method: str, path: str) -> None:
    reply = await client.request(method, f"/api/v1{path.format(id=uuid4())}", json={})

    assert reply.status_code == 401


@pytest.mark.parametrize(("method", "path"), [route for route in ROUTES if "{id}" in route[1]])
async def test_another_companys_website_is_unknown(
    company: Company, other_company: Company, method: str, path: str
) -> None:
    website = await add(company)

    foreign = await other_company.request(method, path.format(id=website["id"]), json={})
    unknown = await other_company.request(method, path.format(id=uuid4()), json={})

    assert foreign.status_code == unknown.status_code == 404
    drop = {"request_id"}
    assert {k: v for k, v in foreign.json().items() if k not in drop} == {
        k: v for k, v in unknown.json().items() if k not in drop
    }


async def test_another_companys_agent_gets_no_website(
    company: Company, other_company: Company
) -> None:
    body = {"agent_id": str(company.agent_id), "url": "https://shop.example"}

    reply = await other_company.request("POST", "/website/source", json=body)

    assert reply.status_code == 404
    sources = (await other_company.request("GET", "/website/source")).json()["sources"]
    assert sources == []


class TestAdding:
    async def test_shows_what_clients_read(self, company: Company) -> None:
        body = {
            "agent_id": str(company.agent_id),
            "url": "https://WWW.Shop.example:443/start/../?utm_source=x",
            "seed_urls": ["https://shop.example/faq"],
            "allowed_paths": ["/"],
            "crawl_frequency_minutes": 60,
            "notes": "Ours.",
        }

        reply = await company.request("POST", "/website/source", json=body)

        assert reply.status_code == 201
        website = reply.json()["website_source"]
        assert website["url"] == website["base_url"] == "https://www.shop.example/"
        assert (website["status"], website["max_pages"]) == ("active", 200)
        assert website["next_crawl_at"]
        for path in ("/website/source", f"/website/agent/{company.agent_id}/sources"):
            listed = (await company.request("GET", path)).json()
            assert [each["id"] for each in listed["sources"]] == [website["id"]]
            assert listed["website_sources"] == listed["data"] == listed["sources"]
            assert listed["pagination"]["total"] == 1

    async def test_twice_is_a_conflict(self, company: Company) -> None:
        await add(company, "https://shop.example/")
        body = {"agent_id": str(company.agent_id), "base_url": "http://www.shop.example"}

        reply = await company.request("POST", "/website/source", json=body)

        assert (reply.status_code, reply.json()["code"]) == (409, "website_duplicate")

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://shop.example/",
            "file:///etc/passwd",
            "http://localhost.:8080/",
            "http://127.0.0.1/",
            "http://169.254.169.254/latest/",
            "http://user:word@shop.example/",
            "http://2130706433/",
            "https://shop.example:8443/",
            "shop.example",
            "http://[::ffff:10.0.0.1]/",
        ],
    )
    async def test_addresses_that_are_not_fetched(self, company: Company, url: str) -> None:
        body = {"agent_id": str(company.agent_id), "base_url": url}

        reply = await company.request("POST", "/website/source", json=body)

        assert (reply.status_code, reply.json()["code"]) == (422, "url_not_allowed")

    @pytest.mark.parametrize(
        "more",
        [
            {"seed_urls": ["https://elsewhere.example/"]},
            {"max_pages": 0},
            {"max_depth": 99},
            {"crawl_frequency_minutes": 1},
            {"allowed_paths": ["no slash"]},
            {"notes": "a\x00b"},
        ],
    )
    async def test_bad_values(self, company: Company, more: dict[str, Any]) -> None:
        body = {"agent_id": str(company.agent_id), "base_url": "https://shop.example", **more}

        reply = await company.request("POST", "/website/source", json=body)

        assert reply.status_code in (400, 422)


class TestChanging:
    async def test_changes_what_is_sent(self, company: Company) -> None:
        website = await add(company, notes="Old.", crawl_frequency_minutes=60)
        path = f"/website/source/{website['id']}"

        reply = await company.request(
            "PUT", path, json={"max_pages": 5, "crawl_frequency_minutes": None}
        )

        changed = reply.json()["website_source"]
        assert (changed["max_pages"], changed["notes"]) == (5, "Old.")
        assert changed["next_crawl_at"] is None

    async def test_switching_off_and_on(self, company: Company) -> None:
        website = await add(company, crawl_frequency_minutes=60)
        path = f"/website/source/{website['id']}"
        task = (await company.request("POST", f"{path}/crawl")).json()

        off = await company.request("PUT", path, json={"status": "inactive"})
        refused = await company.request("POST", f"{path}/crawl")
        on = await company.request("PUT", path, json={"status": "active"})

        assert off.json()["website_source"]["next_crawl_at"] is None
        assert (refused.status_code, refused.json()["code"]) == (409, "website_inactive")
        assert on.json()["website_source"]["next_crawl_at"]
        state = (await company.client.get(task["status_url"])).json()
        assert state["status"] == "failed"

    async def test_another_site_is_another_website(self, company: Company) -> None:
        website = await add(company)
        path = f"/website/source/{website['id']}"

        reply = await company.request("PUT", path, json={"base_url": "https://else.example/"})

        assert reply.status_code == 422


class TestCrawling:
    async def test_answers_with_a_task_that_anybody_may_poll(
        self, company: Company, other_company: Company, client: httpx.AsyncClient
    ) -> None:
        website = await add(company)

        replies = [
            await company.request("POST", f"{kind}/website/source/{website['id']}/crawl", json=body)
            for kind, body in (("", {"max_pages": 3}), ("/sdk", None))
        ]

        first, again = (reply.json() for reply in replies)
        assert [reply.status_code for reply in replies] == [202, 202]
        assert first["status"] == "accepted"
        assert first["website_source_id"] == website["id"]
        assert again["task_id"] == first["task_id"]
        polled = await client.get(first["status_url"])
        assert (polled.status_code, polled.json()["status"]) == (200, "pending")
        assert "error" not in polled.json()
        foreign = await other_company.client.get(first["status_url"], headers=other_company.headers)
        assert foreign.status_code == 404
        shown = (await company.request("GET", f"/website/{website['id']}")).json()
        assert shown["website_source"]["status"] == "crawling"
        assert shown["last_crawl"]["task_id"] == first["task_id"]

    async def test_cancelling(self, company: Company, client: httpx.AsyncClient) -> None:
        website = await add(company)
        path = f"/website/source/{website['id']}"
        task = (await company.request("POST", f"{path}/crawl")).json()

        stopped = await company.request("POST", f"{path}/cancel")
        again = await company.request("POST", f"{path}/cancel")

        assert (stopped.status_code, stopped.json()["status"]) == (200, "cancelled")
        assert (again.status_code, again.json()["code"]) == (409, "no_crawl_running")
        polled = (await client.get(task["status_url"])).json()
        assert (polled["status"], polled["error_code"]) == ("failed", "cancelled")

    async def test_pages_are_listed(self, company: Company) -> None:
        website = await add(company)

        listed = (await company.request("GET", f"/website/source/{website['id']}/pages")).json()

        assert listed["website_source"]["id"] == website["id"]
        assert (listed["pages"], listed["pagination"]["total"]) == ([], 0)


class TestDeleting:
    async def test_with_a_task(self, company: Company, client: httpx.AsyncClient) -> None:
        website = await add(company)
        path = f"/website/source/{website['id']}"

        reply = await company.request("DELETE", path)

        assert reply.status_code == 202
        assert reply.json()["website_source_id"] == website["id"]
        assert (await company.request("GET", f"/website/{website['id']}")).status_code == 404
        assert (await client.get(reply.json()["status_url"])).json()["status"] == "pending"
        assert (await company.request("DELETE", path)).status_code == 404
        await add(company)

    async def test_at_once(self, company: Company) -> None:
        website = await add(company)
        path = f"/sdk/website/source/{website['id']}"

        first = await company.request("DELETE", path)
        again = await company.request("DELETE", path)

        assert (first.status_code, first.json()["status"]) == (200, "deleted")
        assert "task_id" not in first.json()
        assert (again.status_code, again.json()["status"]) == (200, "already_inactive")


class TestGreeting:
    async def greet(
        self, client: httpx.AsyncClient, company: Company, url: str, **more: Any
    ) -> httpx.Response:
        headers = more.pop("headers", {})
        body = {"agent_id": str(company.agent_id), "url": url, **more}
        return await client.post("/api/v1/website/handshake", json=body, headers=headers)

    async def test_a_page_of_the_agents_website(
        self, client: httpx.AsyncClient, company: Company
    ) -> None:
        website = await add(company, notes="Secret.")

        reply = await self.greet(
            client,
            company,
            "https://www.shop.example/kettles?utm_source=x",
            title="Kettles",
            headers={"origin": "https://www.shop.example"},
        )

        assert reply.status_code == 200
        body = reply.json()
        assert body["website_source"] == {
            "id": website["id"],
            "url": website["url"],
            "status": "active",
        }
        assert body["website_page"]["url"] == "https://www.shop.example/kettles"
        assert body["crawl_task_id"] is None
        assert "Secret" not in reply.text

    async def test_pages_of_others_are_refused(
        self, client: httpx.AsyncClient, company: Company, other_company: Company
    ) -> None:
        await add(company, allowed_paths=["/docs"])
        await add(other_company, "https://evil.example/")

        replies = [
            await self.greet(client, company, "https://evil.example/", trigger_crawl=True),
            await self.greet(client, company, "https://shop.example/private"),
            await self.greet(
                client,
                company,
                "https://shop.example/docs",
                headers={"origin": "https://evil.example"},
            ),
        ]
        company.agent_id = uuid4()
        replies.append(await self.greet(client, company, "https://shop.example/docs"))

        assert {(reply.status_code, reply.json()["code"]) for reply in replies} == {
            (403, "site_not_allowed")
        }

    async def test_starts_a_crawl_of_the_companys_own_site_now_and_then(
        self, client: httpx.AsyncClient, company: Company, wiring: Wiring
    ) -> None:
        website = await add(company)

        first, again = [
            (await self.greet(client, company, website["url"], trigger_crawl=True)).json()
            for _ in range(2)
        ]

        assert first["crawl_task_id"]
        assert again["crawl_task_id"] == first["crawl_task_id"]

    async def test_cannot_fill_a_website_up(
        self, client: httpx.AsyncClient, company: Company, wiring: Wiring
    ) -> None:
        website = await add(company)
        use = wiring.public_use_cases(None)

        async def anybody(_tenant: UUID) -> None:
            """Admit."""

        greet = replace(use.greet_website, admit=anybody)
        for n in range(60):
            await greet(
                Greeting(
                    agent_id=company.agent_id,
                    url=f"https://shop.example/junk/{n}",
                    title=None,
                    trigger_crawl=False,
                    origin=None,
                )
            )

        listed = (await company.request("GET", f"/website/source/{website['id']}/pages")).json()
        assert listed["pagination"]["total"] == 50

    async def test_cannot_make_a_page_of_a_query(
        self, client: httpx.AsyncClient, company: Company
    ) -> None:
        website = await add(company)

        reply = await self.greet(client, company, "https://shop.example/search?q=Buy+elsewhere")

        assert (reply.status_code, reply.json()["website_page"]) == (200, None)
        listed = (await company.request("GET", f"/website/source/{website['id']}/pages")).json()
        assert listed["pagination"]["total"] == 0

    async def test_five_a_second_for_a_company(
        self, client: httpx.AsyncClient, company: Company, other_company: Company
    ) -> None:
        await add(company)
        await add(other_company)

        replies = [await self.greet(client, company, "https://shop.example/") for _ in range(12)]
        other = await self.greet(client, other_company, "https://shop.example/")

        codes = [reply.status_code for reply in replies]
        assert codes[:5] == [200] * 5
        assert 429 in codes
        assert other.status_code == 200


class TestAddressesInUploads:
    async def test_each_is_a_document_to_be_fetched(self, company: Company) -> None:
        reply = await company.upload(urls='["https://shop.example/a", "https://shop.example/a#b"]')

        body = reply.json()
        assert reply.status_code == 202
        assert [(one["source_url"], one["status"]) for one in body["documents"]] == [
            ("https://shop.example/a", "pending")
        ]
        again = (await company.upload(urls="https://shop.example/a")).json()
        assert again["documents"][0]["id"] == body["documents"][0]["id"]
        assert again["documents"][0]["duplicate"]

    async def test_bad_ones_do_not_spoil_the_others(self, company: Company) -> None:
        reply = await company.upload(
            ("a.md", b"# Text"), urls="https://shop.example/a,http://127.0.0.1/,nonsense"
        )

        body = reply.json()
        assert reply.status_code == 207
        assert (body["documents_processed"], body["documents_failed"]) == (2, 2)
        assert {error["code"] for error in body["errors"]} == {"url_not_allowed"}
