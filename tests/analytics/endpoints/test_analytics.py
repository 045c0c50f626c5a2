import csv
import io
from uuid import uuid4

import httpx
import pytest

from tests.analytics.conftest import Company
from tests.analytics.story import answer, calls, failure, opening, question

READS = [
    ("GET", "/api/v1/analytic/dashboard", None),
    ("GET", "/api/v1/analytic/usage", None),
    ("GET", "/api/v1/analytic/agent/{agent_id}", None),
    ("GET", "/api/v1/analytic/conversation/{conversation_id}", None),
    ("POST", "/api/v1/analytic/export", {"type": "usage", "format": "json"}),
    ("GET", "/api/v1/overview", None),
    ("GET", "/api/v1/usage-trends", None),
]


def path_of(path: str, company: Company) -> str:
    return path.format(agent_id=company.agent_id, conversation_id=company.conversation_id)


@pytest.mark.parametrize(("method", "path", "body"), READS)
class TestAccess:
    async def test_refuses_strangers(
        self, client: httpx.AsyncClient, acme: Company, method: str, path: str, body: object
    ) -> None:
        reply = await client.request(method, path_of(path, acme), json=body)

        assert reply.status_code == 401

    async def test_needs_the_scope(
        self, client: httpx.AsyncClient, acme: Company, method: str, path: str, body: object
    ) -> None:
        headers = {"authorization": f"Bearer {acme.id}/agents:read"}

        reply = await client.request(method, path_of(path, acme), json=body, headers=headers)

        assert reply.status_code == 403

    async def test_shows_another_tenant_nothing(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        globex: Company,
        method: str,
        path: str,
        body: object,
    ) -> None:
        await acme.hears(*opening(acme), question(acme), answer(acme), calls())

        foreign = await client.request(
            method, path_of(path, acme), json=body, headers=globex.bearer
        )

        assert str(acme.agent_id) not in foreign.text
        if "{" in path:
            missing = path.format(agent_id=uuid4(), conversation_id=uuid4())
            unknown = await client.request(method, missing, headers=globex.bearer)
            foreign_body, unknown_body = foreign.json(), unknown.json()
            assert foreign_body.pop("request_id") != unknown_body.pop("request_id")
            assert (foreign.status_code, foreign_body) == (unknown.status_code, unknown_body)
            assert foreign.status_code == 404


class TestDashboard:
    async def test_counts_what_there_is(self, client: httpx.AsyncClient, acme: Company) -> None:
        await acme.hears(*opening(acme), question(acme), answer(acme), failure(acme))

        body = (await client.get("/api/v1/analytic/dashboard", headers=acme.bearer)).json()

        assert body["core_metrics"]["conversation_count"] == 1
        assert body["core_metrics"]["document_count"] == 1
        assert body["core_metrics"]["total_users"] == 1
        messages = body["conversation_analytics"]["message_analytics"]
        assert (messages["total_messages"], messages["total_tokens"]) == (2, 160)
        assert messages["average_processing_time"] == 1.5
        assert body["document_analytics"]["storage_analytics"]["total_size_bytes"] == 4096
        (agent,) = body["agent_analytics"]["top_performing_agents"]
        assert agent["id"] == str(acme.agent_id)

    async def test_of_a_new_company_is_all_zeros(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        reply = await client.get("/api/v1/analytic/dashboard", headers=acme.bearer)

        assert reply.status_code == 200
        assert reply.json()["core_metrics"]["total_users"] == 0


class TestUsage:
    async def test_sums_calls_and_tokens(self, client: httpx.AsyncClient, acme: Company) -> None:
        await acme.hears(calls(), calls(), calls(status_class="4xx", count=2), answer(acme))

        body = (await client.get("/api/v1/analytic/usage", headers=acme.bearer)).json()

        assert body["api_usage"]["total_api_calls"] == 8
        assert body["api_usage"]["error_rate_percent"] == 25.0
        assert body["token_usage"]["total_tokens"] == 110
        assert body["token_usage"]["cost_usd"] == 0.000025
        assert body["endpoint_usage"][0]["call_count"] == 8

    @pytest.mark.parametrize("query", ["start_date=x", "start_date=2026-02-01&end_date=2026-01-01"])
    async def test_refuses_what_is_no_range(
        self, client: httpx.AsyncClient, acme: Company, query: str
    ) -> None:
        reply = await client.get(f"/api/v1/analytic/usage?{query}", headers=acme.bearer)

        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_date_range")

    async def test_overview_and_trends_agree(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        await acme.hears(*opening(acme), calls())

        overview = (await client.get("/api/v1/overview?days=7", headers=acme.admin)).json()
        trends = (
            await client.get("/api/v1/usage-trends?granularity=hourly", headers=acme.admin)
        ).json()

        assert overview["data"]["usage"]["total_api_calls"] == 3
        assert overview["data"]["api_keys"]["active"] == 1
        assert sum(row["call_count"] for row in trends["data"]["trends"]) == 3


class TestReports:
    async def test_agent(self, client: httpx.AsyncClient, acme: Company) -> None:
        await acme.hears(*opening(acme), question(acme), answer(acme, mode="refused"))

        body = (
            await client.get(f"/api/v1/analytic/agent/{acme.agent_id}", headers=acme.bearer)
        ).json()

        assert body["agent_info"]["id"] == str(acme.agent_id)
        assert body["quality_metrics"]["refusal_rate_percent"] == 100.0
        assert body["conversation_metrics"]["total_conversations"] == 1

    async def test_conversation(self, client: httpx.AsyncClient, acme: Company) -> None:
        await acme.hears(*opening(acme), question(acme), answer(acme))

        body = (
            await client.get(
                f"/api/v1/analytic/conversation/{acme.conversation_id}", headers=acme.bearer
            )
        ).json()

        assert body["message_roles"] == {"user": 1, "assistant": 1}


class TestExport:
    async def test_gives_usage_as_json(self, client: httpx.AsyncClient, acme: Company) -> None:
        await acme.hears(answer(acme), answer(acme))

        body = (
            await client.post(
                "/api/v1/analytic/export",
                json={"type": "usage", "format": "json"},
                headers=acme.bearer,
            )
        ).json()

        assert body["count"] == len(body["usage_logs"]) == 2
        assert body["metadata"]["complete"] is True

    @pytest.mark.parametrize("kind", ["conversations", "agents", "usage"])
    async def test_gives_csv(self, client: httpx.AsyncClient, acme: Company, kind: str) -> None:
        await acme.hears(*opening(acme), question(acme), answer(acme))

        reply = await client.post(
            "/api/v1/analytic/export", json={"type": kind, "format": "csv"}, headers=acme.bearer
        )

        assert reply.headers["content-type"].startswith("text/csv")
        assert len(list(csv.DictReader(io.StringIO(reply.text)))) == 1

    async def test_says_that_leads_are_not_kept(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        reply = await client.post(
            "/api/v1/analytic/export",
            json={"type": "leads", "format": "json"},
            headers=acme.bearer,
        )

        assert (reply.status_code, reply.json()["code"]) == (501, "not_available")

    async def test_refuses_unknown_kinds(self, client: httpx.AsyncClient, acme: Company) -> None:
        reply = await client.post(
            "/api/v1/analytic/export",
            json={"type": "secrets", "format": "json"},
            headers=acme.bearer,
        )

        assert reply.status_code == 400
