"""Webhooks as a company's administrators set them."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from libs.common.ids import new_id
from services.conversations.domain.webhooks import EVENTS, MAX_WEBHOOKS
from services.conversations.wiring import Wiring
from tests.conversations.cast import Company

Json = dict[str, Any]
URL = "/api/v1/webhook"
HOOK = "https://hooks.example.com/knowrithm"


async def created(client: httpx.AsyncClient, company: Company, **changes: Any) -> Json:
    """Add a webhook; returns the reply."""
    body = {"url": HOOK, **changes}
    reply = await client.post(URL, json=body, headers=company.admin)
    assert reply.status_code == 201, reply.text
    answer: Json = reply.json()
    return answer


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """As where it is not a developer's machine; models are called on one of the operator's."""
    return {**environment, "ENVIRONMENT": "production", "TRUSTED_MODEL_HOSTS": "models.internal"}


@pytest.fixture
async def hook(client: httpx.AsyncClient, acme: Company) -> Json:
    """A webhook of acme's."""
    webhook: Json = (await created(client, acme))["webhook"]
    return webhook


class TestStrangers:
    async def test_are_refused(
        self, client: httpx.AsyncClient, acme: Company, globex: Company, hook: Json
    ) -> None:
        own, log = f"{URL}/{hook['id']}", f"{URL}/{hook['id']}/delivery"
        calls: list[tuple[str, str, Json | None]] = [
            ("GET", URL, None),
            ("POST", URL, {"url": HOOK}),
            ("GET", own, None),
            ("PATCH", own, {"description": "Stolen"}),
            ("POST", f"{own}/secret", None),
            ("POST", f"{own}/test", None),
            ("GET", log, None),
            ("POST", f"{log}/{new_id()}/redeliver", None),
            ("DELETE", own, None),
        ]
        for method, url, body in calls:
            assert (await client.request(method, url, json=body)).status_code == 401
            for headers in (acme.key, acme.user, acme.lead):
                reply = await client.request(method, url, json=body, headers=headers)
                assert reply.status_code == 403, (method, url)
            if url == URL:
                continue
            foreign = await client.request(method, url, json=body, headers=globex.admin)
            unknown = await client.request(
                method, url.replace(hook["id"], str(new_id())), json=body, headers=globex.admin
            )
            assert foreign.status_code == unknown.status_code == 404, (method, url)
            assert foreign.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
        assert (await client.get(URL, headers=globex.admin)).json()["webhooks"] == []
        assert (await client.get(own, headers=acme.admin)).json()["webhook"] == hook


class TestSettings:
    async def test_begin_with_everything_but_personal_data(self, hook: Json) -> None:
        assert (hook["url"], hook["events"]) == (HOOK, sorted(EVENTS))
        assert (hook["personal_data"], hook["enabled"]) == (False, True)

    async def test_change_as_named(
        self, client: httpx.AsyncClient, acme: Company, hook: Json
    ) -> None:
        changes = {"events": ["lead.registered"], "personal_data": True, "description": "CRM"}
        own = f"{URL}/{hook['id']}"
        reply = await client.patch(own, json=changes, headers=acme.admin)
        webhook = reply.json()["webhook"]
        assert {name: webhook[name] for name in changes} == changes
        assert webhook["url"] == HOOK
        assert (await client.get(own, headers=acme.admin)).json()["webhook"] == webhook

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"url": "ftp://hooks.example.com/"}, "http"),
            ({"url": "https://ann:pw@hooks.example.com/"}, "password"),
            ({"url": "https://hooks.example.com:2222/"}, "port"),
            ({"url": "https://169.254.169.254/latest"}, "private network"),
            ({"url": HOOK, "events": ["everything"]}, "events"),
            ({"url": HOOK, "events": []}, "events"),
            ({}, "url"),
        ],
    )
    async def test_that_cannot_be_are_refused(
        self, client: httpx.AsyncClient, acme: Company, body: Json, said: str
    ) -> None:
        reply = await client.post(URL, json=body, headers=acme.admin)
        assert reply.status_code in {400, 422}
        assert said in reply.text
        assert (await client.get(URL, headers=acme.admin)).json()["webhooks"] == []

    async def test_do_not_reach_what_is_trusted_for_models(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        for url in ("http://models.internal/", "http://models.internal:2375/containers/db/kill"):
            reply = await client.post(URL, json={"url": url}, headers=acme.admin)
            assert reply.status_code == 400, reply.text
            assert reply.json()["code"] == "webhook_url_refused"

    async def test_are_bounded_whoever_comes_at_the_same_time(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        replies = await asyncio.gather(
            *(
                client.post(URL, json={"url": HOOK}, headers=acme.admin)
                for _ in range(MAX_WEBHOOKS + 4)
            )
        )
        codes = [reply.status_code for reply in replies]
        assert (codes.count(201), codes.count(409)) == (MAX_WEBHOOKS, 4)

    async def test_are_told_for_the_audit_trail(
        self, client: httpx.AsyncClient, acme: Company, hook: Json, wiring: Wiring
    ) -> None:
        own = f"{URL}/{hook['id']}"
        await client.patch(own, json={"enabled": False}, headers=acme.admin)
        await client.post(f"{own}/secret", headers=acme.admin)
        assert (await client.delete(own, headers=acme.admin)).status_code == 200
        assert (await client.get(own, headers=acme.admin)).status_code == 404
        async with wiring.database.lean(acme.id) as connection:
            rows = await connection.fetch(
                "SELECT payload FROM outbox WHERE name = 'webhook.changed' ORDER BY occurred_at"
            )
        told = [orjson.loads(row["payload"]) for row in rows]
        assert [one["status"] for one in told] == [
            "created",
            "updated",
            "secret_rotated",
            "deleted",
        ]
        assert {one["user_id"] for one in told} == {str(acme.user_id)}


class TestSecret:
    async def test_is_shown_once_and_lies_encrypted(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring
    ) -> None:
        made = await created(client, acme)
        secret, own = made["secret"], f"{URL}/{made['webhook']['id']}"
        assert secret.startswith("whsec_")
        assert secret not in (await client.get(own, headers=acme.admin)).text
        rotated = (await client.post(f"{own}/secret", headers=acme.admin)).json()["secret"]
        assert rotated != secret
        async with wiring.database.lean(acme.id) as connection:
            (row,) = await connection.fetch("SELECT secret, previous_secret FROM webhooks")
        for stored in (row["secret"], row["previous_secret"]):
            assert rotated.encode() not in stored
            assert secret.encode() not in stored
