"""Opening, listing, deleting and restoring conversations and messages."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from libs.common.resources import Resources
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.peers import Peers

BASE = "/api/v1/conversation"
# Fixed, since the names of tests are made from it.
SOME_ID = "01a20000-0000-7000-8000-000000000001"


async def open_one(
    client: httpx.AsyncClient, who: Company, *, as_: dict[str, str] | None = None, **body: Any
) -> dict[str, Any]:
    """Open a conversation of a company's."""
    reply = await client.post(
        BASE, json={"agent_id": str(who.agent_id), **body}, headers=as_ or who.key
    )
    assert reply.status_code == 201, reply.text
    opened: dict[str, Any] = reply.json()
    return opened


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", BASE),
            ("GET", BASE),
            ("GET", f"{BASE}/entity"),
            ("GET", f"{BASE}/entity/{SOME_ID}"),
            ("GET", f"{BASE}/agent/{SOME_ID}"),
            ("GET", f"{BASE}/deleted"),
            ("DELETE", f"{BASE}/{SOME_ID}"),
            ("PATCH", f"{BASE}/{SOME_ID}/restore"),
            ("GET", f"{BASE}/{SOME_ID}/messages"),
            ("DELETE", f"{BASE}/{SOME_ID}/messages"),
            ("PATCH", f"{BASE}/{SOME_ID}/message/restore-all"),
            ("GET", "/api/v1/message/deleted"),
            ("DELETE", f"/api/v1/message/{SOME_ID}"),
            ("PATCH", f"/api/v1/message/{SOME_ID}/restore"),
        ],
    )
    async def test_nobody_comes_in_without_credentials(
        self, client: httpx.AsyncClient, method: str, path: str
    ) -> None:
        assert (await client.request(method, path)).status_code == 401

    async def test_another_company_finds_nothing(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        own = (await open_one(client, acme))["id"]

        for method, path in (
            ("DELETE", f"{BASE}/{own}"),
            ("PATCH", f"{BASE}/{own}/restore"),
            ("GET", f"{BASE}/{own}/messages"),
            ("DELETE", f"{BASE}/{own}/messages"),
            ("PATCH", f"{BASE}/{own}/message/restore-all"),
        ):
            reply = await client.request(method, path, headers=globex.key)
            assert reply.status_code == 404, path
        for path in ("", "/entity", f"/agent/{acme.agent_id}", f"/entity/{acme.user_id}"):
            listed = await client.get(f"{BASE}{path}", headers=globex.key)
            assert listed.json()["conversations"] == []
        body = {"agent_id": str(acme.agent_id)}
        assert (await client.post(BASE, json=body, headers=globex.key)).status_code == 404

    async def test_a_lead_sees_its_own_only(self, client: httpx.AsyncClient, acme: Company) -> None:
        companys = (await open_one(client, acme))["id"]
        own = (await open_one(client, acme, as_=acme.lead))["id"]

        for path in ("/entity", f"/entity/{acme.lead_id}", f"/agent/{acme.agent_id}"):
            listed = await client.get(f"{BASE}{path}", headers=acme.lead)
            assert [shown["id"] for shown in listed.json()["conversations"]] == [own]
        path = f"{BASE}/entity/{acme.user_id}"
        assert (await client.get(path, headers=acme.lead)).status_code == 404
        path = f"{BASE}/{companys}/messages"
        assert (await client.get(path, headers=acme.lead)).status_code == 404
        assert (await client.get(BASE, headers=acme.lead)).status_code == 403
        assert (await client.delete(f"{BASE}/{own}", headers=acme.lead)).status_code == 403


class TestOpening:
    async def test_gives_the_id_where_each_client_looks(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        opened = await open_one(client, acme, title="Drills", metadata={"page": "/shop"})

        assert opened["id"] == opened["conversation"]["id"]
        assert opened["conversation"]["title"] == "Drills"
        assert opened["conversation"]["metadata"] == {"page": "/shop"}
        assert opened["conversation"]["agent"]["name"] == "Ada"
        assert "task_id" not in opened
        assert "T" in opened["conversation"]["created_at"]

    async def test_has_a_title_of_its_own(self, client: httpx.AsyncClient, acme: Company) -> None:
        assert (await open_one(client, acme))["title"] == "New Conversation"
        assert len((await open_one(client, acme, title="x" * 500))["title"]) == 200

    async def test_needs_an_agent(self, client: httpx.AsyncClient, acme: Company) -> None:
        unknown = await client.post(BASE, json={"agent_id": str(uuid4())}, headers=acme.key)
        missing = await client.post(BASE, json={}, headers=acme.key)

        assert unknown.status_code == 404
        assert unknown.json()["code"] == "agent_not_found"
        assert missing.status_code == 400

    async def test_says_when_agents_are_out_of_reach(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers
    ) -> None:
        peers.agents_down = True

        reply = await client.post(BASE, json={"agent_id": str(acme.agent_id)}, headers=acme.key)

        assert reply.status_code == 503
        assert "retry-after" in reply.headers


class TestListing:
    async def test_newest_first_in_pages(self, client: httpx.AsyncClient, acme: Company) -> None:
        ids = [(await open_one(client, acme, title=f"No {n}"))["id"] for n in range(5)]

        first = (await client.get(f"{BASE}?per_page=2", headers=acme.key)).json()
        third = (await client.get(f"{BASE}?per_page=2&page=3", headers=acme.key)).json()

        assert [shown["id"] for shown in first["conversations"]] == ids[:2:-1]
        assert first["data"] == first["conversations"]
        assert first["pagination"] == {
            "page": 1,
            "per_page": 2,
            "total": 5,
            "pages": 3,
            "has_next": True,
            "has_prev": False,
        }
        assert [shown["id"] for shown in third["conversations"]] == ids[:1]

    async def test_narrows(self, client: httpx.AsyncClient, acme: Company) -> None:
        drill = (await open_one(client, acme, title="Drill 50% off"))["id"]
        saw = (await open_one(client, acme, title="Saw"))["id"]

        async def listed(query: str) -> list[str]:
            reply = await client.get(f"{BASE}{query}", headers=acme.key)
            return [shown["id"] for shown in reply.json()["conversations"]]

        assert await listed("?search=50%25") == [drill]
        assert await listed(f"?agent_id={acme.agent_id}&status=active") == [saw, drill]
        assert await listed(f"?agent_id={uuid4()}") == []
        assert await listed("?created_after=2020-01-01T00:00:00Z&search=saw") == [saw]
        assert await listed("?created_before=2020-01-01T00:00:00Z") == []
        assert await listed("/entity") == [saw, drill]
        assert await listed(f"/entity/{acme.user_id}?entity_type=user") == [saw, drill]
        assert await listed(f"/entity/{acme.user_id}?entity_type=lead") == []

    @pytest.mark.parametrize("query", ["per_page=101", "page=0", "status=lost", "agent_id=x"])
    async def test_refuses_nonsense(
        self, client: httpx.AsyncClient, acme: Company, query: str
    ) -> None:
        assert (await client.get(f"{BASE}?{query}", headers=acme.key)).status_code == 400


@pytest.mark.usefixtures("worker")
class TestDeleting:
    async def test_hides_and_brings_back_with_messages(
        self, client: httpx.AsyncClient, acme: Company
    ) -> None:
        own = (await open_one(client, acme))["id"]
        ack = await client.post(
            f"{BASE}/{own}/chat", json={"message": "Return period?"}, headers=acme.key
        )
        await finished(client, ack.json())

        deleted = await client.delete(f"{BASE}/{own}", headers=acme.key)

        assert deleted.json()["deleted_messages_count"] == 2
        assert (await client.get(BASE, headers=acme.key)).json()["conversations"] == []
        listed = (await client.get(f"{BASE}/deleted", headers=acme.key)).json()
        assert listed["conversations"][0]["id"] == own
        assert listed["conversations"][0]["deleted_at"]
        assert (await client.delete(f"{BASE}/{own}", headers=acme.key)).status_code == 404
        messages = f"{BASE}/{own}/messages"
        assert (await client.get(messages, headers=acme.key)).status_code == 404

        restored = await client.patch(f"{BASE}/{own}/restore", headers=acme.key)

        assert restored.json()["restored_messages_count"] == 2
        assert len((await client.get(messages, headers=acme.key)).json()["messages"]) == 2
        again = await client.patch(f"{BASE}/{own}/restore", headers=acme.key)
        assert again.status_code == 409

    async def test_messages_one_by_one_and_all(
        self, client: httpx.AsyncClient, acme: Company, globex: Company
    ) -> None:
        own = (await open_one(client, acme))["id"]
        ack = (
            await client.post(
                f"{BASE}/{own}/chat", json={"message": "Return period?"}, headers=acme.key
            )
        ).json()
        await finished(client, ack)
        path = f"/api/v1/message/{ack['message_id']}"

        assert (await client.delete(path, headers=globex.key)).status_code == 404
        assert (await client.delete(path, headers=acme.key)).status_code == 200
        assert (await client.delete(path, headers=acme.key)).status_code == 404
        listed = (await client.get("/api/v1/message/deleted", headers=acme.key)).json()
        assert [shown["id"] for shown in listed["deleted_messages"]] == [ack["message_id"]]
        assert (await client.patch(f"{path}/restore", headers=globex.key)).status_code == 404
        assert (await client.patch(f"{path}/restore", headers=acme.key)).status_code == 200
        assert (await client.patch(f"{path}/restore", headers=acme.key)).status_code == 409

        stream = f"{BASE}/{own}/messages/stream"
        assert "30 days" in (await client.get(stream, headers=acme.key)).text
        all_of_them = await client.delete(f"{BASE}/{own}/messages", headers=acme.key)
        assert (await client.get(ack["status_url"])).status_code == 404
        assert "30 days" not in (await client.get(stream, headers=acme.key)).text
        assert all_of_them.json()["deleted_messages_count"] == 2
        back = await client.patch(f"{BASE}/{own}/message/restore-all", headers=acme.key)
        assert back.json()["restored_messages_count"] == 2
        assert (await client.get(ack["status_url"])).json()["status"] == "completed"
        await client.delete(f"{BASE}/{own}", headers=acme.key)
        assert (await client.patch(f"{path}/restore", headers=acme.key)).status_code == 400


class TestRaces:
    async def test_a_message_is_deleted_once(
        self, client: httpx.AsyncClient, acme: Company, conversation_id: str, resources: Resources
    ) -> None:
        acks = [
            await client.post(
                f"{BASE}/{conversation_id}/chat", json={"message": text}, headers=acme.key
            )
            for text in ("One?", "Two?")
        ]
        path = f"/api/v1/message/{acks[0].json()['message_id']}"

        async with resources.database.lean(acme.id) as connection:
            # Both have begun when the first of them goes on.
            await connection.execute("SELECT 1 FROM conversations FOR UPDATE")
            twins = [asyncio.create_task(client.delete(path, headers=acme.key)) for _ in range(2)]
            await asyncio.sleep(0.3)
        replies = await asyncio.gather(*twins)

        assert sorted(reply.status_code for reply in replies) == [200, 404]
        shown = (await client.get(BASE, headers=acme.key)).json()["conversations"]
        assert [one["message_count"] for one in shown] == [1]

    @pytest.mark.parametrize("path", ["", "/messages"])
    async def test_deleting_while_an_answer_ends(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        conversation_id: str,
        resources: Resources,
        path: str,
    ) -> None:
        await client.post(
            f"{BASE}/{conversation_id}/chat", json={"message": "One?"}, headers=acme.key
        )

        async with resources.database.lean(acme.id) as connection:
            # As an answer does that ends: first its own row, then the conversation's.
            await connection.execute("UPDATE answers SET prompt_tokens = 1")
            deleting = asyncio.create_task(
                client.delete(f"{BASE}/{conversation_id}{path}", headers=acme.key)
            )
            await asyncio.sleep(0.3)
            await connection.execute("UPDATE conversations SET total_tokens = 1")

        assert (await deleting).status_code == 200
