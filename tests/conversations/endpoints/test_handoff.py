"""Hand-off: a person takes over, and the agent is silent."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest

from libs.common.resources import Resources
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.dialogue import outbox
from tests.conversations.endpoints.test_chat import events
from tests.conversations.leads import bearer, opened, register
from tests.conversations.peers import Peers, until

Json = dict[str, Any]
BASE = "/api/v1/conversation"


async def act(
    client: httpx.AsyncClient, path: str, headers: dict[str, str], **body: Any
) -> httpx.Response:
    return await client.post(f"{BASE}/{path}", json=body or None, headers=headers)


async def said(client: httpx.AsyncClient, conversation_id: str, headers: dict[str, str]) -> Json:
    reply = await client.get(f"{BASE}/{conversation_id}/messages", headers=headers)
    assert reply.status_code == 200, reply.text
    answer: Json = reply.json()
    return answer


class TestStrangers:
    @pytest.mark.parametrize("what", ["", "/claim", "/message", "/release", "/close"])
    async def test_and_other_companies_stay_out(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        globex: Company,
        conversation_id: str,
        what: str,
    ) -> None:
        path = f"{conversation_id}/handoff{what}"
        body = {"message": "Hello"}

        assert (await act(client, path, {}, **body)).status_code == 401
        foreign = await act(client, path, globex.user, **body)
        missing = await act(client, f"{uuid4()}/handoff{what}", globex.user, **body)
        assert foreign.status_code == missing.status_code == 404
        assert foreign.json()["message"] == missing.json()["message"]
        if what:
            assert (await act(client, path, acme.lead, **body)).status_code == 403
            assert (await act(client, path, acme.key, **body)).status_code == 403
        else:
            # Another visit's conversation.
            assert (await act(client, path, acme.lead)).status_code == 404

    async def test_see_no_queue(
        self, client: httpx.AsyncClient, acme: Company, globex: Company, conversation_id: str
    ) -> None:
        await act(client, f"{conversation_id}/handoff", acme.user)

        assert (await client.get(f"{BASE}/handoff")).status_code == 401
        assert (await client.get(f"{BASE}/handoff", headers=acme.lead)).status_code == 403
        theirs = await client.get(f"{BASE}/handoff", headers=globex.user)
        assert theirs.json()["conversations"] == []


class TestHandoff:
    async def test_goes_from_agent_to_person_and_back(
        self, client: httpx.AsyncClient, acme: Company, worker: Answering
    ) -> None:
        del worker
        lead = await register(client, acme)
        conversation_id = await opened(client, acme, lead)

        asked = await act(client, f"{conversation_id}/handoff", bearer(lead))
        again = await act(client, f"{conversation_id}/handoff", bearer(lead))
        queue = await client.get(f"{BASE}/handoff?state=waiting", headers=acme.user)
        claimed = await act(client, f"{conversation_id}/handoff/claim", acme.user)
        delivered = await act(
            client, f"{conversation_id}/chat", bearer(lead), message="Is somebody there?"
        )
        spoken = await act(
            client, f"{conversation_id}/handoff/message", acme.user, message="Yes.", name="Ann"
        )
        during = await said(client, conversation_id, bearer(lead))
        released = await act(client, f"{conversation_id}/handoff/release", acme.user)
        queued = await act(client, f"{conversation_id}/chat", bearer(lead), message="Returns?")

        assert (asked.json()["handoff"], again.json()["handoff"]) == ("waiting", "waiting")
        assert [one["id"] for one in queue.json()["conversations"]] == [conversation_id]
        assert claimed.json()["handoff"] == "human"
        assert claimed.json()["user_id"] == str(acme.user_id)
        assert delivered.status_code == 200
        assert delivered.json()["handoff"] == "human"
        assert not {"task_id", "status_url", "poll_url"} & delivered.json().keys()
        assert spoken.status_code == 201
        assert during["handoff"] == "human"
        assert [(one["role"], one["content"]) for one in during["messages"]] == [
            ("user", "Is somebody there?"),
            ("assistant", "Yes."),
        ]
        assert during["messages"][1]["metadata"]["author"] == "human"
        assert during["messages"][1]["metadata"]["name"] == "Ann"
        assert released.json()["handoff"] == "bot"
        assert queued.status_code == 202
        assert queued.json()["task_id"]

    async def test_an_answer_in_the_making_is_not_said(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        peers: Peers,
        resources: Resources,
        worker: Answering,
    ) -> None:
        del worker
        peers.model.tokens = ["Returns are accepted ", "within 30 days."]
        peers.model.between_tokens_seconds = 30
        lead = await register(client, acme)
        conversation_id = await opened(client, acme, lead)
        asked = await act(client, f"{conversation_id}/chat", bearer(lead), message="Returns?")
        stream = asyncio.create_task(
            client.get(f"{BASE}/{conversation_id}/messages/stream", headers=bearer(lead))
        )
        await until(lambda: len(peers.model.requests) == 1)
        await asyncio.sleep(0.3)

        spoken = await act(
            client, f"{conversation_id}/handoff/message", acme.user, message="I'll take this."
        )
        told = events((await asyncio.wait_for(stream, 2)).text)
        task = await client.get(f"/api/v1/tasks/{asked.json()['task_id']}/status")
        after = await said(client, conversation_id, acme.key)

        assert spoken.status_code == 201
        assert task.json()["status"] == "failed"
        assert [one["content"] for one in after["messages"]] == ["Returns?", "I'll take this."]
        assert told[-2][1]["error_code"] == "handed_over"
        # It was paid for, and said to nobody.
        (billed,) = await outbox(resources, acme, "answer.failed")
        assert (billed["code"], billed["prompt_tokens"] > 20) == ("handed_over", True)
        assert await outbox(resources, acme, "answer.completed") == []

    async def test_what_nobody_has_begun_is_not_begun(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring, conversation_id: str
    ) -> None:
        asked = await act(client, f"{conversation_id}/chat", acme.key, message="Returns?")

        await act(client, f"{conversation_id}/handoff/claim", acme.user)

        task = await client.get(f"/api/v1/tasks/{asked.json()['task_id']}/status")
        assert (task.json()["status"], task.json()["error_code"]) == ("failed", "handed_over")
        assert await wiring.store.take_waiting(acme.id) == []

    async def test_of_two_people_one_has_it(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring, conversation_id: str
    ) -> None:
        async with wiring.database.lean(acme.id) as connection:
            await connection.execute(
                "UPDATE conversations SET handoff = 'human', handoff_user_id = $2"
                " WHERE tenant_id = $1",
                acme.id,
                uuid4(),
            )
        for what in ("claim", "message", "release", "close"):
            reply = await act(
                client, f"{conversation_id}/handoff/{what}", acme.user, message="Mine"
            )
            assert reply.status_code == 409, what
            assert reply.json()["code"] == "handoff_taken"
        assert (await said(client, conversation_id, acme.key))["messages"] == []

    async def test_who_writes_after_the_end_talks_to_the_agent(
        self, client: httpx.AsyncClient, acme: Company, conversation_id: str
    ) -> None:
        await act(client, f"{conversation_id}/handoff/claim", acme.user)
        closed = await act(client, f"{conversation_id}/handoff/close", acme.user)
        twice = await act(client, f"{conversation_id}/handoff/close", acme.user)
        asked = await act(client, f"{conversation_id}/chat", acme.key, message="Once more")

        assert closed.json()["handoff"] == "closed"
        assert twice.status_code == 409
        assert asked.status_code == 202
        assert (await said(client, conversation_id, acme.key))["handoff"] == "bot"

    async def test_tells_the_other_services(
        self, client: httpx.AsyncClient, acme: Company, wiring: Wiring, conversation_id: str
    ) -> None:
        await act(client, f"{conversation_id}/handoff", acme.user)
        await act(client, f"{conversation_id}/handoff/claim", acme.user)
        await act(client, f"{conversation_id}/handoff/release", acme.user)

        async with wiring.database.lean(acme.id) as connection:
            rows = await connection.fetch(
                "SELECT payload->>'status' AS status FROM outbox"
                " WHERE tenant_id = $1 AND name = 'handoff.changed' ORDER BY id",
                acme.id,
            )
        assert [row["status"] for row in rows] == ["waiting", "human", "bot"]


class TestPages:
    async def test_are_kept_with_the_message_and_shown_to_the_model(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        peers: Peers,
        worker: Answering,
        conversation_id: str,
    ) -> None:
        del worker
        page = {"url": "https://shop.example.com/drills?session=secret#x", "title": "Drills</page>"}
        reply = await client.post(
            f"{BASE}/{conversation_id}/chat",
            json={"message": "Returns?", "page": page},
            headers=acme.key,
        )
        task = reply.json()["task_id"]
        async with _patience():
            while (await client.get(f"/api/v1/tasks/{task}/status")).json()["progress"] < 100:
                pass
        shown = (await said(client, conversation_id, acme.key))["messages"][0]

        assert shown["metadata"]["page"] == {
            "url": "https://shop.example.com/drills",
            "title": "Drills</page>",
        }
        prompt = peers.model.requests[0]["messages"][-1]["content"]
        assert "https://shop.example.com/drills" in prompt
        assert "secret" not in prompt
        assert prompt.count("</page>") == 1
        assert "page" not in peers.model.requests[0]


class TestContinuations:
    async def test_an_old_id_leads_another_visit_to_a_new_conversation(
        self, client: httpx.AsyncClient, acme: Company, worker: Answering
    ) -> None:
        """As the published widget does: it registers again, and goes on with what it remembers."""
        del worker
        first = await register(client, acme)
        conversation_id = await opened(client, acme, first)
        await act(client, f"{conversation_id}/chat", bearer(first), message="My secret is 42.")
        again = await register(client, acme)

        empty = await said(client, conversation_id, bearer(again))
        asked = await act(client, f"{conversation_id}/chat", bearer(again), message="Hello")
        mine = await said(client, conversation_id, bearer(again))
        theirs = await said(client, conversation_id, bearer(first))

        assert empty["messages"] == []
        assert asked.status_code == 202
        assert asked.json()["conversation_id"] != conversation_id
        assert mine["conversation_id"] == asked.json()["conversation_id"]
        assert mine["messages"][0]["content"] == "Hello"
        assert "Hello" not in [one["content"] for one in theirs["messages"]]
        assert theirs["conversation_id"] == conversation_id

    async def test_nobody_elses_id_leads_anywhere(
        self, client: httpx.AsyncClient, acme: Company, globex: Company, conversation_id: str
    ) -> None:
        ada = await register(client, acme)
        eve = await register(client, acme, email="eve@visitor.example.com")
        there = await register(client, globex)
        adas = await opened(client, acme, ada)

        for who in (eve, there):
            for one in (adas, conversation_id, str(uuid4())):
                reply = await client.get(f"{BASE}/{one}/messages", headers=bearer(who))
                assert reply.status_code == 404


def _patience() -> asyncio.Timeout:
    return asyncio.timeout(20)
