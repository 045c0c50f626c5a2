"""Leads: strangers who say who they are, and what that does not open for them."""

import asyncio
import time
from uuid import UUID, uuid4

import httpx
import pytest

from services.conversations.wiring import Wiring
from tests.conversations.cast import Company
from tests.conversations.leads import Json, bearer, opened, person, reaches, register
from tests.conversations.peers import Peers


class TestRegister:
    async def test_gives_tokens_at_both_places(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        reply = await register(client, acme)

        assert reply["success"] is True
        assert reply["access_token"] == reply["tokens"]["access_token"]
        assert reply["refresh_token"] == reply["tokens"]["refresh_token"]
        assert reply["lead"]["company_id"] == str(acme.id)
        assert 29 * 86_400 < reply["expires_in"] <= 30 * 86_400

    async def test_does_not_tell_whether_an_address_is_known(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        first = await register(client, acme, phone="+41 44 123", source="fair")
        again = await register(
            client, acme, first_name="Eve", last_name="Else", email="ADA@visitor.example.com"
        )

        assert again["lead"]["id"] == first["lead"]["id"]
        assert set(again["lead"]) == set(first["lead"])
        assert again["lead"]["first_name"] == "Eve"
        assert again["lead"]["phone"] == ""
        # An id made of time would tell.
        assert UUID(first["lead"]["id"]).version == 4

    async def test_changes_nothing_of_a_known_lead(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        first = await register(client, acme, consent_marketing=False, consent_text="We keep this.")
        await register(client, acme, first_name="Eve", phone="666", consent_marketing=True)

        shown = await client.get(f"/api/v1/lead/{first['id']}", headers=acme.key)

        lead = shown.json()["lead"]
        assert lead["first_name"] == "Ada"
        assert lead["phone"] == ""
        assert lead["consent_marketing"] is False
        assert lead["consent_text"] == "We keep this."
        assert lead["consent_at"] is not None

    async def test_reaches_the_conversations_of_its_own_visit_only(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        first = await register(client, acme)
        conversation_id = await opened(client, acme, first)
        again = await register(client, acme)

        assert await reaches(client, conversation_id, first)
        assert not await reaches(client, conversation_id, again)
        listed = await client.get("/api/v1/conversation/entity", headers=bearer(again))
        assert conversation_id not in [one["id"] for one in listed.json()["conversations"]]
        reply = await client.post(
            f"/api/v1/conversation/{conversation_id}/chat",
            json={"message": "What did I say?"},
            headers=bearer(again),
        )
        assert reply.status_code == 202
        assert reply.json()["conversation_id"] != conversation_id

    async def test_an_earlier_token_goes_on_with_its_visit(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        first = await register(client, acme)
        conversation_id = await opened(client, acme, first)

        by_refresh_token = await register(client, acme, refresh_token=first["refresh_token"])
        by_bearer = await register(client, acme, headers=bearer(first))

        assert await reaches(client, conversation_id, by_refresh_token)
        assert await reaches(client, conversation_id, by_bearer)

    async def test_a_token_of_one_person_does_not_open_anothers_record(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        ada = await register(client, acme)
        conversation_id = await opened(client, acme, ada)
        eve = await register(client, acme, email="eve@visitor.example.com")

        mixed = await register(client, acme, refresh_token=eve["refresh_token"])

        assert mixed["lead"]["id"] == ada["lead"]["id"]
        assert not await reaches(client, conversation_id, mixed)

    async def test_a_token_of_another_company_proves_nothing(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        ada = await register(client, acme)
        conversation_id = await opened(client, acme, ada)

        there = await register(client, globex, refresh_token=ada["refresh_token"])

        assert there["lead"]["id"] != ada["lead"]["id"]
        assert there["lead"]["company_id"] == str(globex.id)
        assert not await reaches(client, conversation_id, there)

    async def test_many_at_once_make_one_lead(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        replies = await asyncio.gather(*(register(client, acme) for _ in range(8)))

        assert len({reply["lead"]["id"] for reply in replies}) == 1
        assert len({reply["access_token"] for reply in replies}) == 8

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"email": "nobody"}, 400),
            ({"first_name": " "}, 400),
            ({"last_name": "x" * 101}, 400),
            ({"phone": "1" * 21}, 400),
            ({"consent_data_processing": False}, 400),
            ({"agent_id": str(uuid4())}, 404),
        ],
    )
    async def test_refuses(
        self, client: httpx.AsyncClient, acme: Company, changes: Json, code: int
    ) -> None:
        reply = await client.post("/api/v1/lead/register", json=person(acme, **changes))

        assert reply.status_code in {code, 422 if code == 400 else code}, reply.text
        assert isinstance(reply.json()["message"], str)

    async def test_an_error_leaves_nothing_behind(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers
    ) -> None:
        peers.auth_down = True
        reply = await client.post("/api/v1/lead/register", json=person(acme))
        assert reply.status_code == 503

        listed = await client.get("/api/v1/lead/company", headers=acme.key)
        assert listed.json()["leads"] == []

    async def test_is_throttled_by_address(self, client: httpx.AsyncClient, acme: Company) -> None:
        codes: list[int] = []
        started = time.monotonic()
        while 429 not in codes and len(codes) < 200:
            body = person(acme, email=f"bot{len(codes)}@visitor.example.com")
            codes.append((await client.post("/api/v1/lead/register", json=body)).status_code)

        # Thirty at once, and one more every two seconds.
        allowed = 30 + (time.monotonic() - started) / 2
        assert codes[-1] == 429
        assert 30 <= codes.count(201) <= allowed + 1


class TestSites:
    async def test_holds_browsers_to_the_agents_sites(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers
    ) -> None:
        peers.sites[acme.agent_id] = ["https://shop.example.com", "https://*.example.org"]

        for origin, code in (
            ("https://shop.example.com", 201),
            ("https://eu.shop.example.org", 201),
            ("https://example.org", 403),
            ("http://shop.example.com", 403),
            ("https://shop.example.com.evil.test", 403),
            ("https://shop.example.com:8443", 403),
            ("null", 403),
        ):
            reply = await client.post(
                "/api/v1/lead/register", json=person(acme), headers={"origin": origin}
            )
            assert reply.status_code == code, (origin, reply.text)

        lead = await register(client, acme, headers={"origin": "https://shop.example.com"})
        evil = {**bearer(lead), "origin": "https://evil.test"}
        good = {**bearer(lead), "origin": "https://shop.example.com"}
        body = {"agent_id": str(acme.agent_id)}
        assert (
            await client.post("/api/v1/conversation", json=body, headers=evil)
        ).status_code == 403
        made = await client.post("/api/v1/conversation", json=body, headers=good)
        chat = f"/api/v1/conversation/{made.json()['id']}/chat"
        assert (await client.post(chat, json={"message": "Hi"}, headers=evil)).status_code == 403
        assert (await client.post(chat, json={"message": "Hi"}, headers=good)).status_code == 202


class TestCompanysLeads:
    async def test_refuses_strangers_leads_and_other_companies(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        lead = await register(client, acme)
        path = f"/api/v1/lead/{lead['id']}"

        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=bearer(lead))).status_code == 403
        missing = await client.get(f"/api/v1/lead/{uuid4()}", headers=globex.key)
        foreign = await client.get(path, headers=globex.key)
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json()["message"] == missing.json()["message"]
        put = await client.put(path, json={"status": "lost"}, headers=globex.key)
        assert put.status_code == 404
        assert (await client.delete(path, headers=globex.key)).status_code == 404
        listed = await client.get("/api/v1/lead/company", headers=globex.key)
        assert listed.json()["leads"] == []

    @pytest.mark.parametrize("base", ["/api/v1/lead", "/api/v1/sdk/lead"])
    async def test_adds_changes_and_deletes(
        self, client: httpx.AsyncClient, acme: Company, base: str
    ) -> None:
        body = {
            **person(acme, email="bob@visitor.example.com"),
            "notes": "Met at the fair",
            "tags": ["fair"],
            "status": "contacted",
        }
        made = await client.post(base, json=body, headers=acme.key)
        assert made.status_code == 201, made.text
        lead_id = made.json()["lead"]["id"]
        twice = await client.post(base, json=body, headers=acme.key)
        changed = await client.put(
            f"{base}/{lead_id}",
            json={"status": "qualified", "last_name": "Builder", "email": "b@visitor.example.com"},
            headers=acme.key,
        )
        gone = await client.delete(f"{base}/{lead_id}", headers=acme.key)
        after = await client.get(f"/api/v1/lead/{lead_id}", headers=acme.key)

        assert twice.status_code == 409
        lead = changed.json()["lead"]
        assert lead["full_name"] == "Ada Builder"
        assert (lead["status"], lead["notes"], lead["tags"]) == (
            "qualified",
            "Met at the fair",
            ["fair"],
        )
        assert gone.status_code == 200
        assert after.status_code == 404

    async def test_lists_by_status_and_whole_address(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        for name in ("one", "two", "three"):
            await register(client, acme, email=f"{name}@visitor.example.com")

        found = await client.get(
            "/api/v1/lead/company", params={"search": " TWO@visitor.example.com"}, headers=acme.key
        )
        none = await client.get("/api/v1/lead/company", params={"status": "lost"}, headers=acme.key)
        page = await client.get(
            "/api/v1/lead/company", params={"per_page": 2, "page": 2}, headers=acme.key
        )

        assert [lead["email"] for lead in found.json()["leads"]] == ["two@visitor.example.com"]
        assert none.json()["leads"] == []
        assert [lead["email"] for lead in page.json()["data"]["leads"]] == [
            "one@visitor.example.com"
        ]
        assert page.json()["pagination"]["total"] == 3

    async def test_an_address_cannot_become_that_of_another_lead(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        await register(client, acme)
        other = await register(client, acme, email="eve@visitor.example.com")

        reply = await client.put(
            f"/api/v1/lead/{other['id']}",
            json={"email": "ada@visitor.example.com"},
            headers=acme.key,
        )

        assert reply.status_code == 409

    async def test_a_deleted_leads_tokens_end(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers
    ) -> None:
        lead = await register(client, acme)
        assert peers.lead_sessions

        await client.delete(f"/api/v1/lead/{lead['id']}", headers=acme.key)

        assert peers.lead_sessions == {}

    async def test_what_identifies_a_lead_is_encrypted(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring
    ) -> None:
        await register(client, acme, phone="0441234567", notes="secret note")

        async with wiring.database.lean(acme.id) as connection:
            rows = await connection.fetch("SELECT * FROM leads WHERE tenant_id = $1", acme.id)

        (row,) = rows
        stored = b"|".join(str(value).encode() for value in row.values())
        for plain in (b"ada@", b"Visitor", b"0441234567", b"secret note"):
            assert plain not in stored

    async def test_a_conversation_is_listed_under_its_lead(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        lead = await register(client, acme)
        conversation_id = await opened(client, acme, lead)

        listed = await client.get(
            f"/api/v1/conversation/entity/{lead['id']}",
            params={"entity_type": "lead"},
            headers=acme.key,
        )
        own = await client.get(f"/api/v1/conversation/entity/{lead['id']}", headers=bearer(lead))

        for reply in (listed, own):
            (shown,) = reply.json()["conversations"]
            assert shown["id"] == conversation_id
            assert shown["entity_id"] == lead["id"]
