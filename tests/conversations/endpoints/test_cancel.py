"""Stopping an answer: what was written stays, is billed once, and no model goes on."""

import asyncio
import time

import httpx

from libs.common.resources import Resources
from services.conversations.wiring import Wiring
from services.conversations.workers.answering import Answering
from tests.conversations.cast import Company
from tests.conversations.dialogue import Dialogue, Json, killed_in_the_middle
from tests.conversations.endpoints.test_chat import events
from tests.conversations.peers import Peers, until
from tests.conversations.workers.test_answering import worker_process


class TestCancel:
    async def test_stops_the_model_and_keeps_what_it_has_written(
        self,
        dialogue: Dialogue,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
        worker: Answering,
    ) -> None:
        peers.model.tokens = ["Returns are accepted ", "within 30 days [Sour", "ce 1]. ", "More."]
        peers.model.between_tokens_seconds = 0.4
        ack = await dialogue.ask()
        stream = asyncio.create_task(
            client.get(f"/api/v1/conversation/{conversation_id}/messages/stream", headers=acme.key)
        )
        await until(lambda: len(peers.model.requests) == 1)
        await asyncio.sleep(0.6)
        peers.model.between_tokens_seconds = 30

        began = time.monotonic()
        reply = await dialogue.act(ack["message_id"], "cancel")

        assert time.monotonic() - began < 1
        assert reply.status_code == 200, reply.text
        answer = reply.json()["answer"]
        assert reply.json()["cancelled"] is True
        assert answer["content"] == "Returns are accepted within 30 days"
        assert answer["metadata"]["cancelled"] is True
        await until(lambda: not len(worker._attempts))
        told = events((await stream).text)
        assert told[-2][0] == "chat_response"
        assert told[-2][1]["message"]["id"] == answer["id"]
        task = (await client.get(ack["status_url"])).json()
        assert (task["status"], task["cancelled"]) == ("completed", True)
        assert [m["role"] for m in await dialogue.messages()] == [
            "user",
            "assistant",
        ]
        (billed,) = await dialogue.events("answer.completed")
        assert billed["prompt_tokens"] > 20
        assert 0 < billed["completion_tokens"] < 20
        again = await dialogue.act(answer["id"], "cancel")
        assert again.json()["answer"]["id"] == answer["id"]

    async def test_before_the_first_word_leaves_no_message(
        self, dialogue: Dialogue, client: httpx.AsyncClient, peers: Peers, worker: Answering
    ) -> None:
        peers.model.first_token_seconds = 30
        ack = await dialogue.ask()
        await until(lambda: len(peers.model.requests) == 1)

        reply = await dialogue.act(ack["message_id"], "cancel")

        assert (reply.json()["cancelled"], reply.json()["answer"]) == (True, None)
        task = (await client.get(ack["status_url"])).json()
        assert (task["status"], task["error_code"]) == ("failed", "answer_cancelled")
        assert await dialogue.events("answer.completed") == []
        (told,) = await dialogue.events("answer.failed")
        assert told["prompt_tokens"] > 20

    async def test_of_a_queued_answer_ends_it_and_its_stream_at_once(
        self,
        dialogue: Dialogue,
        client: httpx.AsyncClient,
        conversation_id: str,
        acme: Company,
        peers: Peers,
    ) -> None:
        ack = await dialogue.ask()
        stream = asyncio.create_task(
            client.get(f"/api/v1/conversation/{conversation_id}/messages/stream", headers=acme.key)
        )
        await asyncio.sleep(0.3)

        reply = await dialogue.act(ack["message_id"], "cancel")

        assert reply.json()["cancelled"] is True
        told = events((await asyncio.wait_for(stream, 1)).text)
        assert told[-1][1]["status"] == "failed"
        assert peers.model.requests == []

    async def test_without_redis_is_noticed_too(
        self,
        dialogue: Dialogue,
        peers: Peers,
        wiring: Wiring,
        resources: Resources,
        worker: Answering,
    ) -> None:
        await until(lambda: wiring.channels.live)
        peers.model.between_tokens_seconds = 30
        ack = await dialogue.ask()
        await until(lambda: len(peers.model.requests) == 1)
        pool = resources.redis.connection_pool
        pool.connection_kwargs["port"] = 1
        await pool.disconnect()
        connection = wiring.channels._connection
        assert connection is not None
        await connection.disconnect(nowait=True)

        reply = await dialogue.act(ack["message_id"], "cancel")

        assert reply.json()["cancelled"] is True
        assert reply.json()["answer"]["content"] == "Returns are accepted"

    async def test_of_a_dead_workers_answer_asks_no_model_again(
        self, dialogue: Dialogue, peers: Peers, environment: dict[str, str]
    ) -> None:
        peers.model.tokens = ["Returns are accepted ", "within 30 days [Source 1]."]
        peers.model.between_tokens_seconds = 20
        async with worker_process(environment) as worker:
            ack = await dialogue.ask()
            await killed_in_the_middle(worker, peers.model, requests=1)

        pending = await dialogue.act(ack["message_id"], "cancel")
        assert pending.json()["cancelled"] is False
        async with worker_process(environment):
            task = await dialogue.finished(ack)

        assert len(peers.model.requests) == 1
        assert task["response"] == "Returns are accepted"
        assert task["metadata"]["cancelled"] is True
        (billed,) = await dialogue.events("answer.completed")
        assert billed["completion_tokens"] > 0

    async def test_of_a_finished_answer_is_refused(
        self, dialogue: Dialogue, answered: list[Json]
    ) -> None:
        for message in answered:
            reply = await dialogue.act(message["id"], "cancel")
            assert (reply.status_code, reply.json()["code"]) == (409, "answer_finished")

    async def test_races_the_end_of_the_answer_to_one_message_and_one_bill(
        self, dialogue: Dialogue, worker: Answering
    ) -> None:
        for delay in (0.0, 0.01, 0.02, 0.03, 0.05, 0.08):
            ack = await dialogue.ask()
            await asyncio.sleep(delay)
            await asyncio.gather(*(dialogue.act(ack["message_id"], "cancel") for _ in range(3)))
            await dialogue.finished(ack)
        shown = await dialogue.messages()
        answers = [message for message in shown if message["role"] == "assistant"]
        billed = await dialogue.events("answer.completed")
        assert len(billed) == len(answers)
        assert len({one["answer_id"] for one in billed}) == len(billed)
