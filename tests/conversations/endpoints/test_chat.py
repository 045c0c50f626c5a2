"""Asking in a conversation, and what comes back."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from services.conversations.workers.answering import Answering
from tests.conversations.cast import (
    HANDBOOK,
    Company,
    make_knowledge,
    make_passage,
    make_quote,
)
from tests.conversations.peers import Peers

pytestmark = pytest.mark.usefixtures("worker")


async def finished(client: httpx.AsyncClient, ack: dict[str, Any]) -> dict[str, Any]:
    """Poll a task, without credentials, until it is done."""
    async with asyncio.timeout(40):
        while True:
            reply = await client.get(ack["status_url"])
            assert reply.status_code == 200, reply.text
            assert reply.headers["cache-control"] == "no-store"
            body: dict[str, Any] = reply.json()
            if body["status"] in {"completed", "failed"}:
                return body
            assert body["status"] in {"queued", "processing"}
            assert "error" not in body
            await asyncio.sleep(0.05)


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Read a stream's events: name and data."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


class TestAccess:
    async def test_strangers_are_turned_away(
        self, client: httpx.AsyncClient, conversation_id: str, globex: Company
    ) -> None:
        chat = f"/api/v1/conversation/{conversation_id}/chat"
        stream = f"/api/v1/conversation/{conversation_id}/messages/stream"
        missing = f"/api/v1/conversation/{uuid4()}/chat"

        assert (await client.post(chat, json={"message": "hi"})).status_code == 401
        assert (await client.get(stream)).status_code == 401
        foreign = await client.post(chat, json={"message": "hi"}, headers=globex.key)
        unknown = await client.post(missing, json={"message": "hi"}, headers=globex.key)
        assert foreign.status_code == unknown.status_code == 404
        assert foreign.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
        assert (await client.get(stream, headers=globex.key)).status_code == 404

    async def test_a_task_is_not_there_for_another_company(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, globex: Company
    ) -> None:
        ack = (
            await client.post(
                f"/api/v1/conversation/{conversation_id}/chat",
                json={"message": "How long can I return things?"},
                headers=acme.key,
            )
        ).json()

        assert (await client.get(ack["status_url"], headers=globex.key)).status_code == 404
        assert (await client.get(ack["status_url"], headers=acme.key)).status_code == 200
        assert (await client.get(f"/api/v1/tasks/{uuid4()}/status")).status_code == 404
        await finished(client, ack)


class TestAsking:
    async def test_acknowledges_and_answers_with_citations(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        reply = await client.post(
            f"/api/v1/conversation/{conversation_id}/chat",
            json={"message": "How long can I return things?"},
            headers=acme.key,
        )

        ack = reply.json()
        assert reply.status_code == 202
        assert ack["status"] == "queued"
        assert ack["task_id"][0] == "c"
        assert ack["status_url"] == f"/api/v1/tasks/{ack['task_id']}/status"
        assert ack["stream_url"] == f"/conversation/{conversation_id}/messages/stream"
        task = await finished(client, ack)
        assert task["state"] == "SUCCESS"
        assert task["response"] == "Returns are accepted within 30 days [Source 1]."
        assert task["role"] == "assistant"
        assert task["result"]["content"] == task["response"]
        assert task["cited_sources"] == [1]
        assert task["all_sources"] == [
            "Document Source 1: document-1.pdf",
            "Document Source 2: document-2.pdf",
        ]
        assert task["message_id"] == ack["message_id"]
        citation = task["citations"][0]
        passage = peers.knowledge.passages[0]
        start = citation["char_start"] - passage.char_start
        assert citation["document_id"] == str(passage.document_id)
        assert citation["document_version"] == 3
        assert citation["page"] == 1
        assert passage.text[start:].startswith(citation["quote"])
        assert citation["quote"].startswith("Returns are accepted")
        assert peers.searches[0]["tenant_id"] == str(acme.id)

    async def test_the_answer_follows_the_question_in_the_list(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company
    ) -> None:
        for text in ("First?", "Second?", "Third?"):
            ack = (
                await client.post(
                    f"/api/v1/conversation/{conversation_id}/chat",
                    json={"message": text},
                    headers=acme.key,
                )
            ).json()
            await finished(client, ack)

        reply = await client.get(
            f"/api/v1/conversation/{conversation_id}/messages?page=1&per_page=4", headers=acme.key
        )

        body = reply.json()
        assert [message["role"] for message in body["messages"]] == ["user", "assistant"] * 2
        assert [message["content"] for message in body["messages"]][::2] == ["Second?", "Third?"]
        assert body["pagination"]["total"] == 6
        assert body["messages"][-1]["citations"][0]["source_number"] == 1
        assert body["messages"][-1]["sources"][0]["cited"] is True

    async def test_the_model_sees_history_and_passages_as_data(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        for text in ("First?", "Second?"):
            ack = (
                await client.post(
                    f"/api/v1/conversation/{conversation_id}/chat",
                    json={"message": text},
                    headers=acme.key,
                )
            ).json()
            await finished(client, ack)

        messages = peers.model.requests[-1]["messages"]
        assert "Be brief." in messages[0]["content"]
        assert [message["role"] for message in messages[1:]] == ["user", "assistant", "user"]
        assert messages[1]["content"] == "First?"
        assert messages[-1]["content"].startswith("<passages>\n[Source 1] document-1.pdf, page 1\n")
        assert messages[-1]["content"].endswith("Question: Second?")
        assert peers.model.requests[-1]["temperature"] == 0.2

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"message": ""}, 400, "message_empty"),
            ({"message": "  \n "}, 400, "message_empty"),
            ({}, 400, "message_empty"),
            ({"message": "x" * 200_000}, 413, "message_too_long"),
            ({"message": 7}, 400, "invalid"),
        ],
    )
    async def test_refuses_bad_questions(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        body: dict[str, Any],
        status: int,
        code: str,
    ) -> None:
        reply = await client.post(
            f"/api/v1/conversation/{conversation_id}/chat", json=body, headers=acme.key
        )

        assert reply.status_code == status
        assert reply.json()["code"] == code
        assert reply.json()["error"] == reply.json()["message"]

    async def test_refuses_malformed_json(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company
    ) -> None:
        for content in (b"{", b"[1]", b"\xff"):
            reply = await client.post(
                f"/api/v1/conversation/{conversation_id}/chat",
                content=content,
                headers={**acme.key, "content-type": "application/json"},
            )
            assert reply.status_code == 400

    async def test_one_idempotency_key_asks_once(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        headers = {**acme.key, "idempotency-key": "same"}
        chat = f"/api/v1/conversation/{conversation_id}/chat"

        replies = await asyncio.gather(
            *(client.post(chat, json={"message": "Once?"}, headers=headers) for _ in range(5))
        )

        assert len({reply.json()["task_id"] for reply in replies}) == 1
        await finished(client, replies[0].json())
        assert len(peers.model.requests) == 1


class TestModes:
    async def ask(self, client: httpx.AsyncClient, where: str, who: Company) -> dict[str, Any]:
        reply = await client.post(
            f"/api/v1/conversation/{where}/chat",
            json={"message": "How long is the return period?"},
            headers=who.key,
        )
        return await finished(client, reply.json())

    async def test_refuses_without_asking_the_model_when_nothing_is_relevant(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        peers.knowledge = make_knowledge(relevant=False)

        task = await self.ask(client, conversation_id, acme)

        assert task["metadata"]["mode"] == "refused"
        assert "document-1.pdf" in task["response"]
        assert task["citations"] == []
        assert peers.model.requests == []

    async def test_an_agent_without_a_model_quotes(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        peers.add_agent(acme, model=False)
        passage = make_passage()
        quote = make_quote(passage, "Returns are accepted within 30 days of delivery.")
        forged = make_quote(passage, "Gift cards cannot be returned.")
        forged = type(forged)(1, forged.char_start + 1, forged.char_end + 1, forged.text)
        peers.knowledge = make_knowledge(passages=[passage], quotes=[forged, quote])

        task = await self.ask(client, conversation_id, acme)

        assert task["response"] == ("“Returns are accepted within 30 days of delivery.” [Source 1]")
        assert task["metadata"]["mode"] == "extractive"
        assert any("no chat model" in warning for warning in task["metadata"]["warnings"])
        assert [c["quote"] for c in task["citations"]] == [quote.text]

    async def test_quotes_and_says_so_when_the_model_is_down(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        peers.model.statuses = [500]

        task = await self.ask(client, conversation_id, acme)

        assert task["metadata"]["mode"] == "extractive"
        assert "out of reach" in task["response"]
        assert "[Source 1]" in task["response"]
        assert task["metadata"]["warnings"]
        assert len(peers.model.requests) == 2

    async def test_says_when_the_knowledge_base_is_out_of_reach(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        peers.documents_down = True

        task = await self.ask(client, conversation_id, acme)

        assert "knowledge base is out of reach" in task["response"]
        assert peers.model.requests == []

    async def test_removes_markers_of_sources_that_do_not_exist_and_flags_inventions(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        peers.model.tokens = [
            "Returns are accepted within 30 days [Source 1]. ",
            "Elephants parachute into volcanoes on Tuesdays in 1987 [Source 9].",
        ]

        task = await self.ask(client, conversation_id, acme)

        assert "[Source 9]" not in task["response"]
        warnings = " ".join(task["metadata"]["citation_warnings"])
        assert "9" in warnings
        assert "Elephants" in warnings
        assert "1987" in warnings

    async def test_what_the_model_was_not_shown_cannot_be_cited(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers
    ) -> None:
        passages = [make_passage(number, f"{HANDBOOK} " * 15) for number in (1, 2, 3)]
        peers.knowledge = make_knowledge(passages=passages, quotes=[])
        peers.model.tokens = ["Gift cards cannot be returned [Source 1] [Source 3]."]
        opened = await client.post(
            "/api/v1/conversation",
            json={"agent_id": str(acme.agent_id), "max_context_length": 1000},
            headers=acme.key,
        )

        ack = await client.post(
            f"/api/v1/conversation/{opened.json()['id']}/chat",
            json={"message": "Gift cards?"},
            headers=acme.key,
        )
        result = (await finished(client, ack.json()))["result"]

        assert "[Source 3]" not in peers.model.requests[0]["messages"][-1]["content"]
        assert result["content"] == "Gift cards cannot be returned [Source 1]."
        assert [source["source_number"] for source in result["sources"]] == [1]

    async def test_a_failed_answer_says_why(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company, peers: Peers
    ) -> None:
        del peers.agents[acme.id, acme.agent_id]

        reply = await client.post(
            f"/api/v1/conversation/{conversation_id}/chat",
            json={"message": "Anybody there?"},
            headers=acme.key,
        )
        await asyncio.sleep(0)  # the worker has its own cache, which never knew the agent
        task = await finished(client, reply.json())

        assert task["status"] == "failed"
        assert task["state"] == "FAILURE"
        assert isinstance(task["error"], str)
        stream = await client.get(
            f"/api/v1/conversation/{conversation_id}/messages/stream", headers=acme.key
        )
        names = [name for name, _ in events(stream.text)]
        assert names[-2:] == ["chat_response", "chat_status"]
        assert events(stream.text)[-2][1]["error"] == task["error"]


class TestDeletion:
    async def test_a_deleted_conversation_takes_no_questions(
        self, client: httpx.AsyncClient, conversation_id: str, acme: Company
    ) -> None:
        await client.delete(f"/api/v1/conversation/{conversation_id}", headers=acme.key)

        reply = await client.post(
            f"/api/v1/conversation/{conversation_id}/chat",
            json={"message": "hi"},
            headers=acme.key,
        )

        assert reply.status_code == 404

    async def test_deleting_stops_the_answer(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        peers.model.between_tokens_seconds = 5
        ack = (
            await client.post(
                f"/api/v1/conversation/{conversation_id}/chat",
                json={"message": "hi there"},
                headers=acme.key,
            )
        ).json()
        await asyncio.sleep(0.3)

        await client.delete(f"/api/v1/conversation/{conversation_id}", headers=acme.key)

        task = await finished(client, ack)
        assert task["status"] == "failed"
        async with asyncio.timeout(4):
            while worker._attempts:
                await asyncio.sleep(0.05)
