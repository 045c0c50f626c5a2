"""The stream of a conversation's answers, as the published clients read it."""

import asyncio
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from services.conversations.adapters.answer_feed import feed_key
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.endpoints.test_chat import events, finished
from tests.conversations.peers import Peers, until

pytestmark = pytest.mark.usefixtures("worker")


class Conversation:
    """One conversation, through the public routes."""

    def __init__(self, client: httpx.AsyncClient, id_: str, company: Company) -> None:
        self.client = client
        self.id = id_
        self.path = f"/api/v1/conversation/{id_}"
        self.headers = company.key

    async def ask(self, text: str = "How long can I return things?") -> dict[str, Any]:
        reply = await self.client.post(
            f"{self.path}/chat", json={"message": text}, headers=self.headers
        )
        body: dict[str, Any] = reply.json()
        return body

    async def stream(self, last_event_id: str | None = None) -> httpx.Response:
        headers = dict(self.headers)
        if last_event_id is not None:
            headers["last-event-id"] = last_event_id
        return await self.client.get(f"{self.path}/messages/stream", headers=headers)


@pytest.fixture
def conversation(client: httpx.AsyncClient, conversation_id: str, acme: Company) -> Conversation:
    """A conversation of acme's."""
    return Conversation(client, conversation_id, acme)


def ids(text: str) -> list[str]:
    """Return the ids of a stream's events."""
    return [line[4:] for line in text.split("\n") if line.startswith("id: ")]


def said(text: str) -> str:
    """Return what the deltas of the last attempt say."""
    pieces: list[str] = []
    for name, data in events(text):
        if name == "chat_status" and data["status"] == "in_progress":
            pieces.clear()
        if name == "chat_delta":
            pieces.append(data["delta"])
    return "".join(pieces)


class TestRightAfterAsking:
    """The process that stored the question knows its answer without asking the database."""

    async def test_shows_other_pending_answers_too(
        self, conversation: Conversation, peers: Peers
    ) -> None:
        peers.model.between_tokens_seconds = 0.2
        acks = [await conversation.ask(), await conversation.ask("And then?")]

        reply = await conversation.stream()

        done = [data for name, data in events(reply.text) if name == "chat_response"]
        assert [data["message_id"] for data in done] == [ack["message_id"] for ack in acks]

    async def test_a_deleted_conversation_is_gone(self, conversation: Conversation) -> None:
        await conversation.ask()
        await conversation.client.delete(conversation.path, headers=conversation.headers)

        reply = await conversation.stream()

        assert reply.status_code == 404

    async def test_another_company_sees_nothing(
        self, conversation: Conversation, globex: Company
    ) -> None:
        await conversation.ask()

        conversation.headers = globex.key
        reply = await conversation.stream()

        assert reply.status_code == 404


class TestStream:
    async def test_shows_the_answer_as_it_comes_and_ends(
        self, conversation: Conversation, peers: Peers
    ) -> None:
        peers.model.tokens = ["Rückgabe ", "30\u2028 Tage ", "[Source 1]."]
        peers.model.between_tokens_seconds = 0.1
        ack = await conversation.ask()

        reply = await conversation.stream()

        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reply.content.startswith(b": ")
        assert b"\r" not in reply.content
        assert reply.content.isascii()
        found = events(reply.text)
        names = [name for name, _ in found]
        assert names[0] == "chat_status"
        assert names.count("chat_delta") == 3
        assert names[-2:] == ["chat_response", "chat_status"]
        assert said(reply.text) == "Rückgabe 30\u2028 Tage [Source 1]."
        for _, data in found:
            assert data["message_id"] == ack["message_id"]
            assert data["task_id"] == ack["task_id"]
            assert data["conversation_id"] == conversation.id
        message = found[-2][1]["message"]
        assert message["content"] == "Rückgabe 30\u2028 Tage [Source 1]."
        assert message["metadata"]["cited_sources"] == [1]
        assert message["citations"][0]["source_number"] == 1
        assert found[-1][1]["status"] == "completed"

    async def test_replays_the_latest_exchange(self, conversation: Conversation) -> None:
        await finished(conversation.client, await conversation.ask("First?"))
        second = await conversation.ask("Second?")
        await finished(conversation.client, second)

        reply = await conversation.stream()

        assert {data["message_id"] for _, data in events(reply.text)} == {second["message_id"]}
        assert [name for name, _ in events(reply.text)][-2] == "chat_response"

    async def test_resumes_after_any_event(self, conversation: Conversation, peers: Peers) -> None:
        peers.model.between_tokens_seconds = 0.1
        peers.model.tokens = [f"word{number} " for number in range(8)]
        await conversation.ask()
        whole = (await conversation.stream()).text

        # The two events that end an answer travel together, under one id.
        for number, event_id in enumerate(ids(whole)[:-2]):
            rest = (await conversation.stream(event_id)).text
            assert ids(rest) == ids(whole)[number + 1 :]

        last = await conversation.stream(ids(whole)[-1])
        assert last.status_code == 204

    async def test_resumes_in_the_middle_of_an_answer(
        self, conversation: Conversation, peers: Peers
    ) -> None:
        peers.model.tokens = [f"word{number} " for number in range(10)]
        peers.model.between_tokens_seconds = 0.15
        await conversation.ask()
        first = b""
        async with conversation.client.stream(
            "GET", f"{conversation.path}/messages/stream", headers=conversation.headers
        ) as reply:
            async for chunk in reply.aiter_bytes():
                first += chunk
                if b"word3" in first:
                    break
        seen = first[: first.rindex(b"\n\n") + 2].decode()

        rest = (await conversation.stream(ids(seen)[-1])).text

        assert said(seen) + said(rest) == "".join(peers.model.tokens)

    async def test_comes_from_the_database_once_the_feed_has_expired(
        self, conversation: Conversation, redis: Redis
    ) -> None:
        await finished(conversation.client, await conversation.ask())
        await redis.flushdb()
        # Nothing of it is remembered in the process either.
        await asyncio.sleep(0.4)

        reply = await conversation.stream()

        names = [name for name, _ in events(reply.text)]
        assert names == ["chat_response", "chat_status"]
        assert (await conversation.stream(ids(reply.text)[-1])).status_code == 204

    async def test_goes_on_when_redis_is_emptied_in_the_middle(
        self, conversation: Conversation, peers: Peers, redis: Redis
    ) -> None:
        peers.model.tokens = [f"word{number} " for number in range(10)]
        peers.model.between_tokens_seconds = 0.1
        await conversation.ask()
        following = asyncio.create_task(conversation.stream())
        await asyncio.sleep(0.4)
        await redis.flushdb()

        reply = await following

        assert said(reply.text) == "".join(peers.model.tokens)
        assert events(reply.text)[-2][0] == "chat_response"

    async def test_beats_while_the_model_thinks(
        self, conversation: Conversation, peers: Peers
    ) -> None:
        peers.model.first_token_seconds = 2.5
        await conversation.ask()

        reply = await conversation.stream()

        names = [name for name, _ in events(reply.text)]
        assert "heartbeat" in names
        assert names[-2] == "chat_response"

    async def test_follows_what_is_asked_meanwhile(
        self, conversation: Conversation, peers: Peers
    ) -> None:
        peers.model.between_tokens_seconds = 0.3
        await conversation.ask("First?")
        following = asyncio.create_task(conversation.stream())
        await asyncio.sleep(0.2)
        second = await conversation.ask("Second?")

        reply = await following

        answered = [data for name, data in events(reply.text) if name == "chat_response"]
        assert len(answered) == 2
        assert answered[-1]["message_id"] == second["message_id"]

    async def test_an_empty_conversation_has_nothing_to_tell(
        self, conversation: Conversation
    ) -> None:
        reply = await conversation.stream()

        assert events(reply.text) == []

    async def test_many_followers_see_the_same(
        self, conversation: Conversation, peers: Peers, redis: Redis
    ) -> None:
        peers.model.between_tokens_seconds = 0.2
        await conversation.ask()

        replies = await asyncio.gather(*(conversation.stream() for _ in range(20)))

        assert len({said(reply.text) for reply in replies}) == 1

    async def test_a_lead_follows_its_own_only(
        self, client: httpx.AsyncClient, conversation: Conversation, acme: Company
    ) -> None:
        own = await client.post(
            "/api/v1/conversation", json={"agent_id": str(acme.agent_id)}, headers=acme.lead
        )
        own_id = own.json()["id"]

        foreign = await client.get(f"{conversation.path}/messages/stream", headers=acme.lead)
        asked = await client.post(
            f"{conversation.path}/chat", json={"message": "hi"}, headers=acme.lead
        )
        mine = await client.post(
            f"/api/v1/conversation/{own_id}/chat", json={"message": "hi"}, headers=acme.lead
        )

        assert foreign.status_code == 404
        assert asked.status_code == 404
        assert mine.status_code == 202
        await finished(client, mine.json())


class TestTakeover:
    async def test_a_new_attempt_begins_again_and_ends_once(
        self,
        conversation: Conversation,
        peers: Peers,
        worker: Answering,
        acme: Company,
        redis: Redis,
    ) -> None:
        peers.model.tokens = ["half ", "an answer ", "and the rest"]
        peers.model.between_tokens_seconds = 0.5
        await conversation.ask()
        following = asyncio.create_task(conversation.stream())
        await until(lambda: any(worker._attempts))
        await asyncio.sleep(0.7)
        (taken, task) = next((one.taken, one.task) for one in worker._attempts)
        peers.model.between_tokens_seconds = 0.0
        task.cancel()  # as if this worker had died: its lease is renewed no more

        reply = await following

        found = events(reply.text)
        statuses = [data["status"] for name, data in found if name == "chat_status"]
        assert statuses.count("in_progress") == 2
        assert statuses.count("completed") == 1
        assert said(reply.text) == "half an answer and the rest"
        entries = await redis.xrange(feed_key(taken.tenant_id, taken.answer_id))
        assert entries[-1][0].startswith(b"2-")
        assert 0 < await redis.ttl(feed_key(taken.tenant_id, taken.answer_id)) <= 900
