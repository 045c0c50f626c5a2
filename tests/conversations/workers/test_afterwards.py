"""Titles, the memory of long conversations, and erasing what was deleted."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from libs.common.resources import Resources
from services.conversations.repositories.memory import ConversationMemory, NumberedTurns
from services.conversations.use_cases.afterwards import one_line
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from services.conversations.workers.retention import Retention
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import finished
from tests.conversations.peers import Peers, until
from tests.conversations.workers.test_answering import ask, open_conversation


async def conversation(client: httpx.AsyncClient, where: str, who: Company) -> dict[str, Any]:
    """Return a conversation as it is listed."""
    listed = await client.get("/api/v1/conversation?per_page=100", headers=who.key)
    (found,) = [one for one in listed.json()["conversations"] if one["id"] == where]
    return dict(found)


async def titled(client: httpx.AsyncClient, where: str, who: Company) -> str:
    """Wait until a conversation has a title of its own."""
    async with asyncio.timeout(10):
        while (title := (await conversation(client, where, who))["title"]) == "New Conversation":
            await asyncio.sleep(0.05)
    return str(title)


async def count(resources: Resources, who: Company, table: str) -> int:
    """Count a company's rows of a table."""
    async with resources.database.lean(who.id) as connection:
        return int(
            await connection.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", who.id)
        )


class TestTitle:
    async def test_is_the_models(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        await finished(client, await ask(client, conversation_id, acme))

        assert await titled(client, conversation_id, acme) == "Returning things"
        await finished(client, await ask(client, conversation_id, acme))
        await finished(client, await ask(client, conversation_id, acme))
        assert len(peers.model.asides) == 1

    async def test_is_the_question_without_a_model(
        self, client: httpx.AsyncClient, acme: Company, peers: Peers, worker: Answering
    ) -> None:
        peers.add_agent(acme, model=False)
        where = await open_conversation(client, acme)

        await finished(client, await ask(client, where, acme))

        assert await titled(client, where, acme) == "Return period?"

    async def test_of_a_persons_own_stays(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        url = f"/api/v1/conversation/{conversation_id}"
        await client.patch(url, json={"title": "Mine"}, headers=acme.key)
        await finished(client, await ask(client, conversation_id, acme))
        await asyncio.sleep(0.3)

        assert (await conversation(client, conversation_id, acme))["title"] == "Mine"
        assert peers.model.asides == []

    def test_is_one_short_line_without_links(self) -> None:
        assert one_line('"Costs\n of  ![x](https://evil.example)"') == "Costs of [x]"
        assert len(one_line("word " * 40)) <= 60


class TestMemory:
    async def test_of_what_is_too_old_to_be_shown(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        globex: Company,
        peers: Peers,
        resources: Resources,
        wiring: Wiring,
        worker: Answering,
    ) -> None:
        peers.model.aside = "They asked about returns; the colour is mauve."
        for _ in range(11):
            await finished(client, await ask(client, conversation_id, acme))
        await until(lambda: len(peers.model.asides) == 2)
        async with asyncio.timeout(10):
            while not await count(resources, acme, "conversation_summaries"):
                await asyncio.sleep(0.05)

        await finished(client, await ask(client, conversation_id, acme))

        shown = peers.model.requests[-1]["messages"]
        assert "the colour is mauve" in shown[1]["content"]
        assert "mauve" not in str(peers.model.requests[:-1])
        async with resources.database.lean(acme.id) as connection:
            sealed = await connection.fetchval("SELECT summary FROM conversation_summaries")
        assert b"mauve" not in sealed
        assert await count(resources, globex, "conversation_summaries") == 0

        listed = await client.get(
            f"/api/v1/conversation/{conversation_id}/messages", headers=acme.key
        )
        message = listed.json()["messages"][0]["id"]
        await client.delete(f"/api/v1/message/{message}", headers=acme.key)
        assert await count(resources, acme, "conversation_summaries") == 0

    async def test_is_not_looked_at_after_each_answer(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        looks = 0
        turns_after = ConversationMemory.turns_after

        async def counted(memory: ConversationMemory, *args: Any, **options: Any) -> NumberedTurns:
            nonlocal looks
            looks += 1
            return await turns_after(memory, *args, **options)

        monkeypatch.setattr(ConversationMemory, "turns_after", counted)
        # The eleventh answer is the first with so much before it.
        for _ in range(16):
            await finished(client, await ask(client, conversation_id, acme))

        await until(lambda: len(peers.model.asides) >= 2)
        assert looks == 2


class TestRetention:
    async def test_erases_what_was_deleted_long_ago(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        globex: Company,
        resources: Resources,
        wiring: Wiring,
        worker: Answering,
    ) -> None:
        gone, kept = [await open_conversation(client, acme) for _ in range(2)]
        foreign = await open_conversation(client, globex)
        for where, who in ((gone, acme), (kept, acme), (foreign, globex)):
            await finished(client, await ask(client, where, who))
        await client.delete(f"/api/v1/conversation/{gone}", headers=acme.key)
        retention = Retention(wiring)

        assert await retention.erase(now=datetime.now(UTC) + timedelta(days=29)) == 0
        erased = await retention.erase(now=datetime.now(UTC) + timedelta(days=31))

        assert erased >= 1
        assert await count(resources, acme, "conversations") == 1
        assert await count(resources, acme, "messages") == 2
        assert await count(resources, acme, "answers") == 1
        assert await count(resources, acme, "citations") == 1
        assert await count(resources, globex, "messages") == 2

    async def test_branches_go_with_the_last_message(
        self,
        client: httpx.AsyncClient,
        acme: Company,
        resources: Resources,
        wiring: Wiring,
        worker: Answering,
    ) -> None:
        cleared, kept = [await open_conversation(client, acme) for _ in range(2)]
        for where in (cleared, kept):
            asked = await ask(client, where, acme)
            await finished(client, asked)
            again = await client.post(
                f"/api/v1/message/{asked['message_id']}/regenerate", headers=acme.key
            )
            await finished(client, again.json())
        reply = await client.delete(f"/api/v1/conversation/{cleared}/messages", headers=acme.key)
        assert reply.status_code == 200, reply.text

        await Retention(wiring).erase(now=datetime.now(UTC) + timedelta(days=31))

        # Both answers of the one whose question still shows, and nothing of the other.
        assert await count(resources, acme, "conversations") == 2
        assert await count(resources, acme, "messages") == 3


class TestSameKey:
    async def test_fifty_at_once_ask_one_question(
        self,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        resources: Resources,
        worker: Answering,
    ) -> None:
        headers = {**acme.key, "idempotency-key": "one-and-the-same"}
        url = f"/api/v1/conversation/{conversation_id}/chat"
        replies = await asyncio.gather(
            *(client.post(url, json={"message": "Period?"}, headers=headers) for _ in range(50))
        )
        accepted = [reply for reply in replies if reply.status_code == 202]
        assert {reply.status_code for reply in replies} <= {202, 409}
        assert len({reply.json()["message_id"] for reply in accepted}) == 1
        await finished(client, accepted[0].json())
        assert await count(resources, acme, "messages") == 2
        assert await count(resources, acme, "answers") == 1

        (question, answer) = (
            await client.get(f"/api/v1/conversation/{conversation_id}/messages", headers=acme.key)
        ).json()["messages"]
        headers["idempotency-key"] = "and-another"
        replies = await asyncio.gather(
            *(
                client.post(f"/api/v1/message/{answer['id']}/regenerate", headers=headers)
                for _ in range(50)
            )
        )
        accepted = [reply for reply in replies if reply.status_code == 202]
        assert {reply.json()["message_id"] for reply in accepted} == {question["id"]}
        await finished(client, accepted[0].json())
        assert await count(resources, acme, "answers") == 2
